//! Nodes come, get a vote, lead, and go.

use std::sync::Arc;

use tidegate_raft::{FoundError, MembershipChange, MembershipError, RAFT_SERVICE, Role};
use tidegate_tablets::{MetadataStore as _, NodeId, ProposeError, StoreStopped};
use tidegate_transport::service::open_service;
use tidegate_transport::{PeerId, ResetCode, StreamError, Transport as _};
use tidegate_transport_mem::MemTransport;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::cluster::{Nodes, adding, config, until, within};

#[tokio::test(start_paused = true)]
async fn a_node_becomes_learner_then_voter_and_is_removed() {
    let mut nodes = Nodes::start(config(), 3, 1).await;
    let (leader, new) = (nodes.leader_of(3).await, NodeId::new(4));
    nodes.add(1, 10).await;
    // From a follower: the leader does it.
    let from = nodes.store((1..=3).find(|node| *node != leader).unwrap());
    let promoted = from.change(MembershipChange::Promote(new)).await;
    assert!(
        matches!(promoted, Err(MembershipError::Refused(_))),
        "{promoted:?}"
    );

    from.change(MembershipChange::AddLearner(new)).await.unwrap();
    let learner = nodes.store(4);
    within("the learner reads", learner.read_barrier()).await.unwrap();
    assert!(nodes.has(4, 10));
    assert_eq!(learner.status().role, Role::Learner);
    assert!(nodes.add(4, 11).await[0].is_ok(), "a learner proposes too");

    for _ in 0..2 {
        from.change(MembershipChange::Promote(new)).await.unwrap();
    }
    let status = nodes.store(leader).status();
    assert!(status.voters.contains(&new) && status.learners.is_empty());

    for _ in 0..2 {
        from.change(MembershipChange::Remove(new)).await.unwrap();
    }
    let status = nodes.store(leader).status();
    assert!(!status.voters.contains(&new) && status.learners.is_empty());
    nodes.stop_node(4).await;
    assert!(nodes.add(2, 12).await[0].is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_leader_hands_over_and_one_that_is_removed_does_so_too() {
    let mut nodes = Nodes::start(config(), 3, 0).await;
    let first = nodes.leader().await;
    let next = (1..=3).find(|node| *node != first).unwrap();
    let to = MembershipChange::TransferLeader(NodeId::new(next));
    let mut leaders = nodes.store(first).leaders();
    for from in 1..=3 {
        within("a leader hands over", nodes.store(from).change(to))
            .await
            .unwrap();
    }
    assert_eq!(nodes.leader().await, next);
    within("followers of the leadership hear of it", async {
        while leaders.next().await.unwrap().leader != Some(NodeId::new(next)) {}
    })
    .await;
    assert!(nodes.add(first, 10).await[0].is_ok());
    within(
        "a leader that is to stop hands over",
        nodes.store(next).hand_over(),
    )
    .await
    .unwrap();
    let other = nodes.leader().await;
    assert_ne!(other, next);
    within(
        "a node that does not lead has nothing to hand over",
        nodes.store(next).hand_over(),
    )
    .await
    .unwrap();
    assert_eq!(nodes.leader().await, other);
    within("a leader hands over", nodes.store(other).change(to))
        .await
        .unwrap();

    let gone = MembershipChange::Remove(NodeId::new(next));
    within("a leader is removed", nodes.store(first).change(gone))
        .await
        .unwrap();
    nodes.stop_node(next).await;
    assert_ne!(nodes.leader().await, next);
    assert!(nodes.add(first, 11).await[0].is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let nodes = Nodes::start(config(), 1, 1).await;
    let store = nodes.store(1);
    until("it leads", || store.leader().is_some()).await;
    let before = store.status();
    for change in [
        MembershipChange::Remove(NodeId::new(1)),
        MembershipChange::Promote(NodeId::new(2)),
        MembershipChange::TransferLeader(NodeId::new(2)),
    ] {
        let refused = within("an answer", store.change(change)).await;
        assert!(
            matches!(refused, Err(MembershipError::Refused(_))),
            "{change}: {refused:?}"
        );
    }
    assert_eq!(store.status().voters, before.voters);
    let again = store.found([NodeId::new(1)].into()).await;
    assert_eq!(again, Err(FoundError::AlreadyFounded));
    let absent = nodes.store(2).found([NodeId::new(1)].into()).await;
    assert_eq!(absent, Err(FoundError::NotAmongVoters));
    store.stop().await;
    let stopped = store.change(MembershipChange::AddLearner(NodeId::new(2))).await;
    assert_eq!(stopped, Err(MembershipError::Stopped(StoreStopped)));
    assert_eq!(store.status().role, Role::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_excluded_is_not_listened_to() {
    let mut nodes = Nodes::start(config(), 3, 0).await;
    let leader = nodes.leader().await;
    let excluded = (1..=3).find(|node| *node != leader).unwrap();
    for node in 1..=3 {
        nodes.add(leader, node).await;
    }
    let exclude = tidegate_tablets::Change::Exclude {
        node: NodeId::new(excluded),
        give_up_quorum: false,
    };
    let proposal = nodes.proposal(vec![exclude]);
    let outcomes = crate::cluster::decide(&nodes.store(leader), proposal).await;
    assert!(outcomes[0].is_ok());
    let alone = nodes.store(excluded);
    let barrier = alone.read_barrier();
    assert!(timeout(config().election_max, barrier).await.is_err());
    assert!(nodes.add(leader, 10).await[0].is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_no_member_has_nothing_to_ask_for() {
    let mut nodes = Nodes::start(config(), 3, 1).await;
    let (leader, stranger) = (nodes.leader_of(3).await, NodeId::new(4));
    let lead = nodes.store(leader);
    lead.change(MembershipChange::AddLearner(stranger)).await.unwrap();
    let knows = nodes.store(4);
    within("it reads", knows.read_barrier()).await.unwrap();
    // It still knows who leads.
    lead.change(MembershipChange::Remove(stranger)).await.unwrap();

    let proposal = nodes.proposal(vec![adding(10)]);
    let refused = knows.propose(proposal.clone()).await;
    assert!(matches!(refused, Err(ProposeError::NotTaken(_))), "{refused:?}");
    assert!(!nodes.has(leader, 10));
    let refused = knows.change(MembershipChange::AddLearner(stranger)).await;
    assert!(matches!(refused, Err(MembershipError::NotDone(_))), "{refused:?}");
    assert!(lead.status().learners.is_empty());
    let barrier = timeout(config().election_max * 4, knows.read_barrier()).await;
    assert!(barrier.is_err(), "a barrier ended at a node that is no member");

    nodes.add(leader, 4).await;
    assert!(
        within("a member asks", knows.propose(proposal)).await.is_err(),
        "it is decided, and never comes here"
    );
    assert!(nodes.has(leader, 10));
}

#[tokio::test(start_paused = true)]
async fn only_who_may_send_a_snapshot_may_send_as_much_as_one() {
    let nodes = Nodes::start(config(), 3, 1).await;
    let leader = nodes.leader_of(3).await;
    let follower = (1..=3).find(|node| *node != leader).unwrap();
    let stranger = nodes.network.join(PeerId::new(66)).unwrap();
    for (from, to, too_long) in [
        (66, follower, true),
        // One that is new knows nobody.
        (66, 4, false),
        (leader, follower, false),
    ] {
        let from: &MemTransport = match from {
            66 => &stranger,
            member => &nodes.running[&member].transport,
        };
        let mut stream = open_service(from, PeerId::new(to), RAFT_SERVICE).await.unwrap();
        let header = [&(17_u64 << 20).to_le_bytes()[..], &[3]].concat();
        stream.send.send(&[header.into()]).await.unwrap();
        let ended = timeout(config().call_deadline, stream.recv.recv()).await;
        match ended {
            Ok(ended) if too_long => assert_eq!(ended, Err(StreamError::Reset(ResetCode::Decode))),
            Err(_) if !too_long => {}
            other => panic!("to node {to}: {other:?}"),
        }
    }
    stranger.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn any_node_says_to_anybody_whether_it_is_new_and_a_stranger_is_told_no_more() {
    let nodes = Nodes::start(config(), 3, 1).await;
    let leader = nodes.leader_of(3).await;
    let stranger = nodes.network.join(PeerId::new(66)).unwrap();
    let (which_disk, read_index) = (1, 3);
    for (to, is_new) in [(4, 1), (leader, 0)] {
        for asked in [which_disk, read_index] {
            let mut stream = open_service(&*stranger, PeerId::new(to), RAFT_SERVICE)
                .await
                .unwrap();
            let request = [&0_u64.to_le_bytes()[..], &[asked]].concat();
            stream.send.send(&[request.into()]).await.unwrap();
            let reply = within("a reply", stream.recv.recv()).await;
            if asked == read_index {
                assert_eq!(reply, Err(StreamError::Reset(ResetCode::Refused)));
                continue;
            }
            let reply = reply.unwrap().unwrap();
            assert_eq!((reply[8], reply.last()), (14, Some(&is_new)));
        }
    }
    stranger.shutdown().await;
}

/// The leader of three has begun to give node 4 a vote, and cannot go on: it reaches one of the others alone. Answers
/// it, and that one.
async fn promotion_is_held(nodes: &Nodes) -> (u64, u64, JoinHandle<Result<(), MembershipError>>) {
    let leader = nodes.leader_of(3).await;
    let others: Vec<u64> = (1..=3).filter(|node| *node != leader).collect();
    let lead = nodes.store(leader);
    let new = NodeId::new(4);
    lead.change(MembershipChange::AddLearner(new)).await.unwrap();
    for away in [others[1], 4].map(PeerId::new) {
        nodes.network.partition(PeerId::new(leader), away);
    }
    let asked = Arc::clone(&lead);
    let caller = tokio::spawn(async move { asked.change(MembershipChange::Promote(new)).await });
    until("it has begun, and is known", || {
        [leader, others[0]]
            .iter()
            .all(|node| nodes.store(*node).status().between)
    })
    .await;
    assert!(lead.status().voters.contains(&new));
    (leader, others[0], caller)
}

fn heal(nodes: &Nodes, node: u64) {
    for other in (1..=4).filter(|other| *other != node) {
        nodes.network.heal(PeerId::new(node), PeerId::new(other));
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_of_voters_ends_whether_its_caller_waits_or_not() {
    let nodes = Nodes::start(config(), 3, 1).await;
    let (leader, _, caller) = promotion_is_held(&nodes).await;
    caller.abort();
    assert!(caller.await.is_err_and(|error| error.is_cancelled()));
    heal(&nodes, leader);
    let lead = nodes.store(leader);
    until("it has ended", || !lead.status().between).await;
    assert_eq!(lead.status().voters.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_voters_that_a_leader_left_in_the_middle_ends_when_it_is_asked_for_again() {
    let mut nodes = Nodes::start(config(), 3, 1).await;
    let (leader, knows, caller) = promotion_is_held(&nodes).await;
    nodes.crash_node(leader).await;
    caller.abort();
    heal(&nodes, leader);
    let next = nodes.leader().await;
    assert_ne!(next, leader);
    within("it reads", nodes.store(knows).read_barrier())
        .await
        .unwrap();
    let status = nodes.store(knows).status();
    assert!(status.between && status.voters.len() == 4, "{status:?}");
    // Any node that has its vote can be named.
    let asked = nodes.store(knows);
    let again = asked.change(MembershipChange::Promote(NodeId::new(knows)));
    within("it is changed", again).await.unwrap();
    until("it has ended", || !asked.status().between).await;
    assert_eq!(asked.status().voters.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_leader_hands_over_to_one_that_lives_and_no_other_is_upset() {
    let mut nodes = Nodes::start(config(), 5, 0).await;
    let leader = nodes.leader().await;
    let gone = if leader == 5 { 4 } else { 5 };
    nodes.add(leader, 10).await;
    until("all have it", || (1..=5).all(|node| nodes.has(node, 10))).await;
    nodes.crash_node(gone).await;
    // So long a voter counts as one that lives.
    tokio::time::sleep(config().election_max).await;
    let lead = nodes.store(leader);
    let term = lead.status().term;
    let begun = tokio::time::Instant::now();
    within("it hands over", lead.hand_over()).await.unwrap();
    assert!(begun.elapsed() < config().election_min, "{:?}", begun.elapsed());
    let next = nodes.leader().await;
    assert!(next != leader && next != gone);
    assert_eq!(nodes.store(next).status().term, term + 1);
}
