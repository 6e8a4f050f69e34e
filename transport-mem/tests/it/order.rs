//! Streams overtake each other; the frames of one do not.

use std::time::Duration;

use bytes::Bytes;
use tidegate_transport_mem::{LinkFaults, MemConfig};
use tokio::time::Instant;

use crate::faults::{network, stream};

/// In which order streams that send two frames each, one after the other, are heard; and when.
async fn heard(seed: u64, faults: LinkFaults) -> Vec<(u128, usize, u8)> {
    let (_network, a, b) = network(MemConfig {
        seed,
        faults,
        ..MemConfig::default()
    });
    let (mut sending, mut receiving) = (Vec::new(), Vec::new());
    for index in 0..20 {
        let (near, mut far) = stream(&a, &b).await;
        sending.push(near);
        receiving.push(async move {
            let mut seen = Vec::new();
            while let Ok(Some(frame)) = far.recv.recv().await {
                seen.push((Instant::now(), index, frame[0]));
            }
            seen
        });
    }
    let start = Instant::now();
    let tasks: Vec<_> = receiving.into_iter().map(tokio::spawn).collect();
    for near in &mut sending {
        for frame in 0..2 {
            near.send.send(&[Bytes::copy_from_slice(&[frame])]).await.unwrap();
        }
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(sending);
    let mut all = Vec::new();
    for task in tasks {
        for (at, index, frame) in task.await.unwrap() {
            all.push(((at - start).as_micros(), index, frame));
        }
    }
    all.sort_unstable();
    all
}

fn has_overtaken(heard: &[(u128, usize, u8)]) -> bool {
    heard.windows(2).any(|pair| pair[1].1 < pair[0].1)
}

fn keeps_each_in_order(heard: &[(u128, usize, u8)]) -> bool {
    (0..20).all(|stream| {
        let frames: Vec<_> = heard.iter().filter(|(_, index, _)| *index == stream).collect();
        frames.len() == 2 && frames[0].2 == 0 && frames[1].2 == 1
    })
}

#[tokio::test(start_paused = true)]
async fn a_range_of_delays_lets_streams_overtake_each_other() {
    let faults = LinkFaults {
        delay: Duration::ZERO..=Duration::from_millis(20),
        ..LinkFaults::default()
    };
    let heard = heard(1, faults).await;
    assert!(has_overtaken(&heard), "{heard:?}");
    assert!(keeps_each_in_order(&heard), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stagger_lets_whole_streams_overtake_each_other() {
    let faults = LinkFaults {
        stagger: Duration::from_millis(1)..=Duration::from_millis(20),
        ..LinkFaults::default()
    };
    let once = heard(1, faults.clone()).await;
    assert!(has_overtaken(&once), "{once:?}");
    assert!(keeps_each_in_order(&once), "{once:?}");
    for stream in 0..20 {
        let at: Vec<_> = once.iter().filter(|(_, index, _)| *index == stream).collect();
        assert_eq!(at[0].0, at[1].0, "both frames take as long");
        assert!((1_000..=20_000).contains(&at[0].0));
    }
    assert_eq!(once, heard(1, faults.clone()).await);
    assert_ne!(once, heard(2, faults).await);
}
