//! The same seed gives the same faults; and with delays the contract holds still.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tidegate_transport::conformance::{CASES, Way, run};
use tidegate_transport::{PeerId, Transport};
use tidegate_transport_mem::{LinkFaults, MemConfig, MemNetwork};
use tokio::time::Instant;

use crate::contract::pair;

fn faults() -> LinkFaults {
    LinkFaults {
        delay: Duration::ZERO..=Duration::from_millis(20),
        lose_connection: 0.05,
        fail_open: 0.2,
        stagger: Duration::ZERO..=Duration::from_millis(40),
    }
}

/// What three nodes that talk at once live through, with times.
async fn history(seed: u64) -> String {
    let network = MemNetwork::new(MemConfig {
        seed,
        faults: faults(),
        ..MemConfig::default()
    });
    let start = Instant::now();
    let nodes: Vec<_> = (0..3).map(|id| network.join(PeerId::new(id)).unwrap()).collect();
    let mut running = Vec::new();
    for node in &nodes {
        let node = Arc::clone(node);
        running.push(tokio::spawn(async move {
            let mut seen = String::new();
            while let Ok(mut incoming) = node.accept().await {
                let at = start.elapsed().as_micros();
                write!(seen, "{at} {} from {}:", node.local(), incoming.peer).unwrap();
                loop {
                    let received = incoming.stream.recv.recv().await;
                    let at = start.elapsed().as_micros();
                    write!(seen, " {received:?}@{at}").unwrap();
                    if !matches!(received, Ok(Some(_))) {
                        break;
                    }
                }
                seen.push('\n');
            }
            seen
        }));
    }
    let mut talking = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        let node = Arc::clone(node);
        let to = PeerId::new((index as u64 + 1) % 3);
        talking.push(tokio::spawn(async move {
            let mut seen = String::new();
            for round in 0..30_u8 {
                let opened = node.open(to).await;
                let at = start.elapsed().as_micros();
                let Ok(mut stream) = opened else {
                    writeln!(seen, "{at} {} to {to}: {opened:?}", node.local()).unwrap();
                    continue;
                };
                let mut sent = Ok(());
                for frame in 0..5 {
                    sent = sent.and(stream.send.send(&[Bytes::copy_from_slice(&[round, frame])]).await);
                }
                let finished = stream.send.finish().await;
                let at = start.elapsed().as_micros();
                writeln!(seen, "{at} {} to {to}: {sent:?} {finished:?}", node.local()).unwrap();
            }
            seen
        }));
    }
    let mut whole = String::new();
    for task in talking {
        whole += &task.await.unwrap();
    }
    for node in &nodes {
        node.shutdown().await;
    }
    for task in running {
        whole += &task.await.unwrap();
    }
    whole
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_faults() {
    for seed in 0..10 {
        let (once, again) = (history(seed).await, history(seed).await);
        assert_eq!(once, again, "seed {seed}");
        for fault in ["Disconnected", "the open was lost", "Ok(None)"] {
            assert!(once.contains(fault), "seed {seed} has no {fault}: {once}");
        }
        assert_ne!(once, history(seed + 1000).await);
    }
}

#[tokio::test(start_paused = true)]
async fn every_case_passes_with_delays() {
    let delay = Duration::ZERO..=Duration::from_millis(8);
    for seed in 0..3 {
        let faults = LinkFaults {
            delay: delay.clone(),
            ..LinkFaults::default()
        };
        let config = MemConfig {
            seed,
            faults,
            ..MemConfig::default()
        };
        for case in CASES {
            for way in Way::ALL {
                let config = config.clone();
                let make = move |wish| {
                    let made = pair(config.clone(), wish);
                    async move { made }
                };
                assert_eq!(
                    run(*case, way, make).await,
                    Ok(()),
                    "{} when {way:?}, seed {seed}",
                    case.name
                );
            }
        }
    }
}
