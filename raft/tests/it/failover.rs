//! What happens when leaders and followers go away and come back.

use std::sync::Arc;
use std::time::Duration;

use tidegate_raft::{FoundError, RAFT_SERVICE, RaftConfig};
use tidegate_tablets::{MetadataStore as _, NodeId, ProposeError, Refused, StoreStopped};
use tidegate_transport::service::open_service;
use tidegate_transport::{PeerId, ResetCode, StreamError, Transport as _};
use tidegate_transport_mem::MemTransport;
use tokio::time::Instant;

use crate::cluster::{DEADLINE, Nodes, adding, config, decide, within};

#[tokio::test(start_paused = true)]
async fn another_leads_when_the_leader_has_gone_and_every_node_proposes() {
    let mut nodes = Nodes::start(config(), 3, 0).await;
    let first = nodes.leader().await;
    nodes.add(1, 10).await;
    nodes.crash_node(first).await;
    let gone = Instant::now();
    let second = nodes.leader().await;
    // Three times the longest wait for an election, with room for a busy machine.
    assert!(
        gone.elapsed() < config().election_max * 10,
        "{:?}",
        gone.elapsed()
    );
    assert_ne!(first, second);
    let left: Vec<u64> = nodes.running.keys().copied().collect();
    for (node, from) in (11..).zip(&left) {
        assert!(nodes.add(*from, node).await[0].is_ok());
        assert!(nodes.has(*from, node), "applied where it was answered");
    }
    nodes.start_node(first).await;
    within(
        "the node that was away catches up",
        nodes.store(first).read_barrier(),
    )
    .await
    .unwrap();
    assert!([10, 11, 12].iter().all(|node| nodes.has(first, *node)));
}

#[tokio::test(start_paused = true)]
async fn a_repeat_is_decided_once_whoever_leads() {
    let mut nodes = Nodes::start(config(), 3, 0).await;
    let leader = nodes.leader().await;
    let proposal = nodes.proposal(vec![adding(10)]);
    let first = decide(&nodes.store(1), proposal.clone()).await;
    assert!(first[0].is_ok());
    let version = nodes.store(1).snapshot().version;
    nodes.crash_node(leader).await;
    nodes.leader().await;
    for node in nodes.running.keys() {
        assert_eq!(decide(&nodes.store(*node), proposal.clone()).await, first);
        assert_eq!(
            nodes.store(*node).snapshot().version,
            version,
            "nothing new was decided"
        );
    }
    let other = nodes.proposal(vec![adding(10)]);
    let from = *nodes.running.keys().next().unwrap();
    let exists = Err(Refused::NodeExists(NodeId::new(10)));
    assert_eq!(decide(&nodes.store(from), other).await, [exists]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_decided_and_no_barrier_ends_without_a_majority() {
    let mut nodes = Nodes::start(config(), 3, 0).await;
    let leader = nodes.leader().await;
    nodes.add(leader, 10).await;
    let others: Vec<u64> = (1..=3).filter(|node| *node != leader).collect();
    for other in &others {
        nodes.crash_node(*other).await;
    }
    let store = nodes.store(leader);
    let proposal = nodes.proposal(vec![adding(11)]);
    let begun = Instant::now();
    let refused = within("a proposal ends", store.propose(proposal.clone())).await;
    assert!(refused.is_err());
    assert!(begun.elapsed() < DEADLINE);
    let barrier = tokio::time::timeout(config().election_max * 2, store.read_barrier()).await;
    assert!(barrier.is_err(), "a barrier ended without a majority");
    nodes.start_node(others[0]).await;
    assert!(decide(&store, proposal).await[0].is_ok());
    within("a barrier ends", store.read_barrier()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn all_nodes_crash_at_once_and_nothing_is_lost() {
    let mut nodes = Nodes::start(config(), 3, 0).await;
    for (node, from) in (10..22).zip([1, 2, 3].into_iter().cycle()) {
        nodes.add(from, node).await;
    }
    for node in 1..=3 {
        nodes.crash_node(node).await;
    }
    for node in 1..=3 {
        nodes.start_node(node).await;
    }
    for at in 1..=3 {
        within("a barrier ends", nodes.store(at).read_barrier())
            .await
            .unwrap();
        assert!((10..22).all(|node| nodes.has(at, node)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_without_its_network_cannot_upset_the_leader() {
    let mut nodes = Nodes::start(config(), 3, 0).await;
    let leader = nodes.leader().await;
    let cut = (1..=3).find(|node| *node != leader).unwrap();
    let term = nodes.store(leader).status().term;
    let others: Vec<_> = (1..=3).filter(|node| *node != cut).map(PeerId::new).collect();
    for other in &others {
        nodes.network.partition(PeerId::new(cut), *other);
    }
    nodes.add(leader, 10).await;
    tokio::time::sleep(config().election_max * 10).await;
    let alone = nodes.store(cut).status();
    assert_eq!(
        alone.term, term,
        "it asks whether it would be elected before it counts up"
    );
    for other in &others {
        nodes.network.heal(PeerId::new(cut), *other);
    }
    within("a barrier ends", nodes.store(cut).read_barrier())
        .await
        .unwrap();
    assert_eq!(nodes.leader().await, leader);
    assert_eq!(nodes.store(leader).status().term, term, "no election was held");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_says_nothing_any_more_is_not_waited_for() {
    let patient = RaftConfig {
        call_deadline: Duration::from_secs(600),
        propose_deadline: Duration::from_secs(600),
        ..config()
    };
    let mut nodes = Nodes::start(patient, 3, 0).await;
    let leader = nodes.leader().await;
    let silent = PeerId::new(leader);
    let others: Vec<u64> = (1..=3).filter(|node| *node != leader).collect();
    for other in others.iter().copied().map(PeerId::new) {
        nodes.network.silence(silent, other);
        nodes.network.silence(other, silent);
    }
    let proposal = nodes.proposal(vec![adding(10)]);
    let store = nodes.store(others[0]);
    let decided = within("a proposal is decided", store.propose(proposal))
        .await
        .unwrap();
    assert!(decided[0].is_ok());
    within("a barrier ends", nodes.store(others[1]).read_barrier())
        .await
        .unwrap();
    assert!(nodes.has(others[1], 10));
}

#[tokio::test(start_paused = true)]
async fn a_node_whose_disk_fails_stops_and_the_others_go_on() {
    let mut nodes = Nodes::start(config(), 3, 0).await;
    let leader = nodes.leader().await;
    nodes.add(leader, 10).await;
    let left = nodes.disks[&leader].crash();
    nodes.disks.insert(leader, left);
    let proposal = nodes.proposal(vec![adding(11)]);
    let failed = nodes.store(leader);
    let answer = within("the node notices", failed.propose(proposal.clone())).await;
    assert_eq!(answer, Err(ProposeError::Stopped(StoreStopped)));
    assert_eq!(failed.read_barrier().await, Err(StoreStopped));
    nodes.stop_node(leader).await;
    let next = nodes.leader().await;
    assert!(decide(&nodes.store(next), proposal).await[0].is_ok());
    nodes.start_node(leader).await;
    within("a barrier ends", nodes.store(leader).read_barrier())
        .await
        .unwrap();
    assert!(nodes.has(leader, 10) && nodes.has(leader, 11));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_message_is_refused_and_does_no_harm() {
    let mut nodes = Nodes::start(config(), 1, 0).await;
    let stranger = nodes.network.join(PeerId::new(66)).unwrap();
    let long = u64::MAX.to_le_bytes().to_vec();
    let headless = 0_u64.to_le_bytes().to_vec();
    let wild = [&[4, 0, 0, 0, 0, 0, 0, 0][..], &[0xff; 40]].concat();
    for frames in [
        vec![b"x".to_vec()],
        vec![long],
        vec![headless],
        vec![wild, b"abcd".to_vec()],
    ] {
        let mut stream = open_service(&*stranger, PeerId::new(1), RAFT_SERVICE)
            .await
            .unwrap();
        for frame in frames {
            stream.send.send(&[frame.into()]).await.unwrap();
        }
        let ended = within("the stream ends", stream.recv.recv()).await;
        assert_eq!(ended, Err(StreamError::Reset(ResetCode::Decode)));
    }
    assert!(nodes.add(1, 10).await[0].is_ok());
    stranger.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn the_last_that_has_the_log_is_not_taken_for_new() {
    let mut nodes = Nodes::start(config(), 3, 2).await;
    let leader = nodes.leader_of(3).await;
    for node in 1..=3 {
        nodes.crash_node(node).await;
    }
    nodes.start_node(leader).await;
    let asks = nodes.store(4);
    // It led, and says after its start that it knows of no leader.
    let belongs = within("an answer", asks.belongs(NodeId::new(leader))).await;
    assert!(belongs.unwrap());
    let belongs = within("an answer", asks.belongs(NodeId::new(5))).await;
    assert!(!belongs.unwrap());
    let founders = [4, leader].map(NodeId::new);
    let refused = within("an answer", asks.found(founders.into())).await;
    assert_eq!(refused, Err(FoundError::Belongs(NodeId::new(leader))));
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_nobody_understands_is_no_answer_and_neither_is_a_no_after_it() {
    let mut nodes = Nodes::start(config(), 2, 0).await;
    let leader = nodes.leader().await;
    let asks = nodes.store(3 - leader);
    nodes.crash_node(leader).await;
    // In its place, and under its name, one that may have decided and does not say so.
    let posing = nodes.network.join(PeerId::new(leader)).unwrap();
    let (junk, refused) = (vec![0xff; 9], [&[13, 2][..], b"no"].concat());
    for replies in [vec![junk.clone(); 1000], vec![junk, refused]] {
        let served = Arc::clone(&posing);
        let serving = tokio::spawn(async move {
            for reply in replies {
                pose(&served, reply).await;
            }
        });
        let proposal = nodes.proposal(vec![adding(10)]);
        let answer = within("a proposal ends", asks.propose(proposal)).await;
        assert!(matches!(answer, Err(ProposeError::Unknown(_))), "{answer:?}");
        serving.abort();
    }
    posing.shutdown().await;
}

/// Answers one proposal with a header of that kind; lets everything else wait.
async fn pose(transport: &MemTransport, header: Vec<u8>) {
    let mut others = Vec::new();
    loop {
        let mut stream = transport.accept().await.unwrap().stream;
        // Its hello, and the message's first frame, whose header says what is asked.
        stream.recv.recv().await.unwrap();
        let first = stream.recv.recv().await.unwrap().unwrap();
        if first[8] != 2 {
            others.push(stream);
            continue;
        }
        let len = 0_u64.to_le_bytes();
        let reply = [&len[..], &header].concat();
        stream.send.send(&[reply.into()]).await.unwrap();
        stream.send.finish().await.unwrap();
        return;
    }
}
