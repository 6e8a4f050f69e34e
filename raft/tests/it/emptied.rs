//! A member that comes back without what it had.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;
use tidegate_raft::{
    Disk as _, Emptied, MembershipChange, MembershipError, MemoryDisk, OpenError, RaftStore, RedbDisk, Role,
    StartError,
};
use tidegate_tablets::{MetadataStore as _, NodeId, Proposal, RequestId, StoreStopped, Version};
use tidegate_transport::{PeerId, Transport as _};
use tidegate_transport_mem::{MemConfig, MemNetwork};

use crate::cluster::{Nodes, Running, adding, config, decide, until, within};

/// Three founders, each with a file.
struct Files {
    folder: TempDir,
    network: MemNetwork,
    running: BTreeMap<u64, Running>,
}

impl Files {
    async fn start() -> Self {
        let mut files = Self {
            folder: tempfile::tempdir().unwrap(),
            network: MemNetwork::new(MemConfig::default()),
            running: BTreeMap::new(),
        };
        for node in 1..=3 {
            files.start_node(node).await;
        }
        let founders = [1, 2, 3].map(NodeId::new).into();
        files.running[&1].store.found(founders).await.unwrap();
        files
    }

    async fn start_node(&mut self, node: u64) {
        let disk = within("the file is free", async {
            loop {
                match RedbDisk::open(self.path(node), NodeId::new(node)).await {
                    // What was stopped lets go of the file a little later.
                    Err(OpenError::InUse) => tokio::task::yield_now().await,
                    opened => return Arc::new(opened.unwrap()),
                }
            }
        });
        let running = Running::start(&self.network, node, config(), disk.await).await;
        self.running.insert(node, running);
    }

    async fn stop_node(&mut self, node: u64) {
        self.running.remove(&node).unwrap().stop().await;
    }

    fn path(&self, node: u64) -> PathBuf {
        self.folder.path().join(format!("{node}.redb"))
    }

    fn store(&self, node: u64) -> &Arc<RaftStore> {
        &self.running[&node].store
    }

    fn has(&self, at: u64, node: u64) -> bool {
        self.store(at).snapshot().nodes.contains_key(&NodeId::new(node))
    }
}

/// Completes when a store has ended by itself.
async fn ended(store: &RaftStore) {
    let ended = store.wait_applied(Version::new(u64::MAX)).await;
    assert_eq!(ended, Err(StoreStopped));
}

async fn reads(store: &RaftStore) {
    within("a barrier ends", store.read_barrier()).await.unwrap();
}

#[tokio::test]
async fn what_two_of_three_have_decided_stays_decided_when_one_of_them_comes_back_empty() {
    let mut files = Files::start().await;
    reads(files.store(1)).await;
    let leader = files.store(1).leader().unwrap().as_u64();
    let mut others = (1..=3).filter(|node| *node != leader);
    let (behind, emptied) = (others.next().unwrap(), others.next().unwrap());
    let cut = [leader, emptied].map(PeerId::new);
    for other in cut {
        files.network.partition(PeerId::new(behind), other);
    }
    let proposal = Proposal {
        request: RequestId(1),
        changes: vec![adding(20)],
    };
    assert!(decide(files.store(leader), proposal).await[0].is_ok());
    reads(files.store(emptied)).await;
    assert!(files.has(emptied, 20) && !files.has(behind, 20));

    files.stop_node(leader).await;
    files.stop_node(emptied).await;
    std::fs::remove_file(files.path(emptied)).unwrap();
    files.start_node(emptied).await;
    for other in cut {
        files.network.heal(PeerId::new(behind), other);
    }
    tokio::select! {
        led = within("one or the other", files.store(behind).read_barrier()) => {
            panic!("{led:?}: a leader was elected, and has what was decided: {}", files.has(behind, 20));
        }
        () = ended(files.store(emptied)) => {}
    }
    let (node, known_by) = (NodeId::new(emptied), NodeId::new(behind));
    let why = files.store(emptied).emptied().cloned();
    assert_eq!(why, Some(Emptied { node, known_by }));
    files.stop_node(emptied).await;

    files.start_node(leader).await;
    for node in [leader, behind] {
        reads(files.store(node)).await;
        assert!(files.has(node, 20));
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_was_deposed_decides_nothing_with_a_member_that_comes_back_empty() {
    let mut nodes = Nodes::start(config(), 3, 0).await;
    let deposed = nodes.leader().await;
    nodes.add(deposed, 10).await;
    let others: Vec<u64> = (1..=3).filter(|node| *node != deposed).collect();
    for node in &others {
        reads(&nodes.store(*node)).await;
        nodes.network.partition(PeerId::new(deposed), PeerId::new(*node));
    }
    let leads = |node: &&u64| nodes.store(**node).leader() == Some(NodeId::new(**node));
    until("another leads", || others.iter().any(|node| leads(&node))).await;
    let leader = *others.iter().find(leads).unwrap();
    let emptied = *others.iter().find(|node| **node != leader).unwrap();
    nodes.add(leader, 20).await;
    nodes.crash_node(leader).await;
    nodes.empty_node(emptied).await;
    nodes.network.heal(PeerId::new(deposed), PeerId::new(emptied));

    let proposal = nodes.proposal(vec![adding(30)]);
    let (forgot, deaf) = (nodes.store(emptied), nodes.store(deposed));
    tokio::select! {
        decided = decide(&deaf, proposal) => panic!("{decided:?}: in the place of what was decided"),
        () = ended(&forgot) => {}
    }
    nodes.stop_node(emptied).await;
    nodes.network.heal(PeerId::new(deposed), PeerId::new(leader));
    nodes.start_node(leader).await;
    for node in [leader, deposed] {
        reads(&nodes.store(node)).await;
        assert!(nodes.has(node, 20));
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_comes_back_empty_ends_and_another_number_takes_its_place() {
    let mut nodes = Nodes::start(config(), 3, 1).await;
    let leader = nodes.leader_of(3).await;
    nodes.add(leader, 10).await;
    let term = nodes.store(leader).status().term;
    let emptied = if leader == 1 { 2 } else { 1 };
    nodes.empty_node(emptied).await;
    for _ in 0..2 {
        let forgot = nodes.store(emptied);
        within("it ends", ended(&forgot)).await;
        assert!(forgot.emptied().is_some());
        assert_eq!(
            (forgot.status().last, forgot.status().role),
            (None, Role::Stopped)
        );
        // And so at every start.
        nodes.stop_node(emptied).await;
        nodes.start_node(emptied).await;
    }
    nodes.stop_node(emptied).await;
    let status = nodes.store(leader).status();
    assert_eq!((status.leader, status.term), (Some(NodeId::new(leader)), term));
    let (gone, new) = (NodeId::new(emptied), NodeId::new(4));
    for change in [
        MembershipChange::Remove(gone),
        MembershipChange::AddLearner(new),
        MembershipChange::Promote(new),
    ] {
        nodes.store(leader).change(change).await.unwrap();
    }
    reads(&nodes.store(4)).await;
    assert!(nodes.has(4, 10));
}

#[tokio::test(start_paused = true)]
async fn one_that_was_removed_comes_back_under_its_number_with_another_disk() {
    let mut nodes = Nodes::start(config(), 3, 0).await;
    let leader = nodes.leader().await;
    let again = if leader == 1 { 2 } else { 1 };
    nodes.add(leader, 10).await;
    let lead = nodes.store(leader);
    nodes.crash_node(again).await;
    let node = NodeId::new(again);
    lead.change(MembershipChange::Remove(node)).await.unwrap();
    nodes.disks.insert(again, MemoryDisk::new());
    nodes.start_node(again).await;
    lead.change(MembershipChange::AddLearner(node)).await.unwrap();
    lead.change(MembershipChange::Promote(node)).await.unwrap();
    reads(&nodes.store(again)).await;
    assert!(nodes.has(again, 10));
    // It has a vote: without it nothing is decided any more.
    let other = (1..=3).find(|node| *node != leader && *node != again).unwrap();
    nodes.crash_node(other).await;
    assert!(nodes.add(leader, 11).await[0].is_ok());
    // And it asks for votes.
    nodes.start_node(other).await;
    reads(&nodes.store(other)).await;
    let lead = MembershipChange::TransferLeader(node);
    nodes.store(leader).change(lead).await.unwrap();
    nodes.crash_node(again).await;
    nodes.leader().await;
    nodes.start_node(again).await;
    reads(&nodes.store(again)).await;
}

#[tokio::test(start_paused = true)]
async fn a_learner_that_comes_back_empty_is_not_taken_in_as_it_is() {
    let mut nodes = Nodes::start(config(), 1, 1).await;
    let (lead, new) = (nodes.store(1), NodeId::new(2));
    lead.change(MembershipChange::AddLearner(new)).await.unwrap();
    nodes.network.partition(PeerId::new(1), PeerId::new(2));
    nodes.empty_node(2).await;
    nodes.network.heal(PeerId::new(1), PeerId::new(2));
    let refused = within("an answer", lead.change(MembershipChange::AddLearner(new))).await;
    assert!(matches!(refused, Err(MembershipError::Refused(_))), "{refused:?}");
    within("it ends", ended(&nodes.store(2))).await;
}

#[tokio::test(start_paused = true)]
async fn a_voter_that_comes_back_empty_is_not_said_to_have_been_added() {
    let mut nodes = Nodes::start(config(), 3, 0).await;
    let leader = nodes.leader().await;
    let (voter, other) = if leader == 1 {
        (2, 3)
    } else {
        (1, if leader == 2 { 3 } else { 2 })
    };
    let (lead, add) = (
        nodes.store(leader),
        MembershipChange::AddLearner(NodeId::new(voter)),
    );
    within("an answer", lead.change(add)).await.unwrap();
    nodes.crash_node(voter).await;
    // It takes part still, and nobody can say otherwise.
    within("an answer", lead.change(add)).await.unwrap();
    for peer in [leader, other] {
        nodes.network.partition(PeerId::new(peer), PeerId::new(voter));
    }
    nodes.disks.insert(voter, MemoryDisk::new());
    nodes.start_node(voter).await;
    nodes.network.heal(PeerId::new(leader), PeerId::new(voter));
    let refused = within("an answer", lead.change(add)).await;
    assert!(matches!(refused, Err(MembershipError::Refused(_))), "{refused:?}");
}

/// What a log gives to one that was removed and comes back: an old membership, in which it was the only voter.
#[tokio::test(start_paused = true)]
async fn nobody_elects_itself_by_a_membership_that_names_the_disk_that_it_had() {
    let mut nodes = Nodes::start(config(), 1, 0).await;
    nodes.leader().await;
    let old = nodes.disks[&1].read(0..1, usize::MAX).await.unwrap();
    nodes.empty_node(1).await;
    nodes.stop_node(1).await;
    nodes.disks[&1].append(old).await.unwrap();
    nodes.start_node(1).await;
    let store = nodes.store(1);
    tokio::time::sleep(config().election_max * 10).await;
    let status = store.status();
    assert_eq!(
        (status.voters.len(), status.role),
        (1, Role::Follower),
        "{status:?}"
    );
    assert_eq!(status.leader, None);
}

#[tokio::test(start_paused = true)]
async fn a_used_disk_that_does_not_say_which_it_is_is_not_given_a_name() {
    let network = MemNetwork::new(MemConfig::default());
    let transport = network.join(PeerId::new(1)).unwrap();
    let disk = MemoryDisk::new();
    disk.append(vec![(0, "an entry".into())]).await.unwrap();
    let started = RaftStore::start(config(), transport.clone(), Arc::new(disk)).await;
    assert!(matches!(started, Err(StartError::Failed(_))), "{started:?}");
    transport.shutdown().await;
}
