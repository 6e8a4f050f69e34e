//! Whoever looks on is told of every version, in order, before the copy shows it, and of snapshots.

use std::sync::{Arc, Mutex};

use tidegate_raft::{MemoryDisk, Observer, RaftConfig, RaftStore};
use tidegate_tablets::{Decided, Metadata, MetadataStore as _, NodeId, Version};
use tidegate_transport::{PeerId, Transport};
use tidegate_transport_mem::{MemConfig, MemNetwork};

use crate::cluster::{adding, config, decide, until};

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Seen {
    Decided(Version),
    Applied(Version, bool),
}

#[derive(Debug, Default)]
struct Notes(Mutex<Vec<Seen>>);

impl Notes {
    fn seen(&self) -> Vec<Seen> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Notes {
    fn decided(&self, after: &Metadata, decided: &Decided) {
        assert_eq!(after.version, decided.answer.version);
        self.0.lock().unwrap().push(Seen::Decided(after.version));
    }

    fn applied(&self, version: Version, by_snapshot: bool) {
        self.0.lock().unwrap().push(Seen::Applied(version, by_snapshot));
    }
}

async fn started(config: &RaftConfig, disk: &MemoryDisk) -> (Arc<RaftStore>, Arc<Notes>) {
    let network = MemNetwork::new(MemConfig::default());
    let transport: Arc<dyn Transport> = network.join(PeerId::new(1)).unwrap();
    let notes = Arc::new(Notes::default());
    let (disk, observer) = (Arc::new(disk.clone()), Arc::clone(&notes) as Arc<dyn Observer>);
    let store = RaftStore::start_observed(config.clone(), transport, disk, observer)
        .await
        .unwrap();
    (store, notes)
}

#[tokio::test(start_paused = true)]
async fn every_version_is_told_in_order_and_a_snapshot_stands_for_those_it_covers() {
    let (config, disk) = (config(), MemoryDisk::new());
    let (store, notes) = started(&config, &disk).await;
    store.found([NodeId::new(1)].into()).await.unwrap();
    let mut expected = Vec::new();
    for number in 1..=5 {
        let changes = vec![adding(number)];
        let request = tidegate_tablets::RequestId(u128::from(number));
        decide(&store, tidegate_tablets::Proposal { request, changes }).await;
        let version = store.snapshot().version;
        expected.extend([Seen::Decided(version), Seen::Applied(version, false)]);
        assert_eq!(notes.seen(), expected);
        if number == 3 {
            store.make_snapshot().await.unwrap();
            until("the snapshot is made", || store.status().snapshot.is_some()).await;
        }
    }
    store.stop().await;

    let (again, notes) = started(&config, &disk).await;
    again.read_barrier().await.unwrap();
    let Seen::Applied(covered, _) = expected[5] else {
        panic!("{expected:?}")
    };
    let seen = notes.seen();
    assert_eq!(seen[0], Seen::Applied(covered, true));
    let decided = |seen: &[Seen]| -> Vec<Seen> {
        let decided = seen.iter().filter(|seen| matches!(seen, Seen::Decided(_)));
        decided.copied().collect()
    };
    assert_eq!(decided(&seen), decided(&expected[6..]));
    again.stop().await;
}
