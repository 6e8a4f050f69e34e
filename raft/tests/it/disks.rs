//! What a redb file keeps, and whom it lets in.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use tidegate_raft::{DISK_FORMAT, Disk as _, OpenError, RedbDisk};
use tidegate_tablets::{MetadataStore as _, NodeId, Proposal, RequestId};
use tidegate_transport_mem::{MemConfig, MemNetwork};

use crate::cluster::{Running, adding, config, decide, until, within};

async fn open(path: &Path) -> Arc<RedbDisk> {
    within("the file is free", async {
        loop {
            match RedbDisk::open(path, NodeId::new(1)).await {
                // What was stopped lets go of the file a little later.
                Err(OpenError::InUse) => tokio::task::yield_now().await,
                opened => return Arc::new(opened.unwrap()),
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_node_starts_again_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("raft.redb");
    let network = MemNetwork::new(MemConfig::default());
    let mut first = None;
    for start in 0..3_u64 {
        let node = Running::start(&network, 1, config(), open(&path).await).await;
        if start == 0 {
            node.store.found([NodeId::new(1)].into()).await.unwrap();
        }
        within("a barrier ends", node.store.read_barrier()).await.unwrap();
        for before in 0..start {
            assert!(
                node.store
                    .snapshot()
                    .nodes
                    .contains_key(&NodeId::new(10 + before))
            );
        }
        let proposal = Proposal {
            request: RequestId(u128::from(start)),
            changes: vec![adding(10 + start)],
        };
        let outcomes = decide(&node.store, proposal.clone()).await;
        assert!(outcomes[0].is_ok());
        let (first, answer) = first.get_or_insert((proposal, outcomes));
        assert_eq!(decide(&node.store, first.clone()).await, *answer);
        if start == 1 {
            node.store.make_snapshot().await.unwrap();
            until("the snapshot is made", || node.store.status().snapshot.is_some()).await;
        }
        node.stop().await;
    }
}

#[tokio::test]
async fn a_snapshot_is_kept_whole_and_never_goes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("raft.redb");
    let disk = open(&path).await;
    assert_eq!(disk.snapshot().await.unwrap(), None);
    let long = |byte: u8| Bytes::from(vec![byte; (5 << 20) + 7]);
    for (covers, byte) in [(3, 1), (9, 2), (9, 3)] {
        disk.save_snapshot(covers, long(byte)).await.unwrap();
        assert_eq!(disk.snapshot().await.unwrap(), Some(long(byte)));
    }
    disk.save_snapshot(8, "older".into()).await.unwrap();
    assert_eq!(disk.snapshot().await.unwrap(), Some(long(3)));
    disk.save_snapshot(10, "short".into()).await.unwrap();
    drop(disk);
    assert_eq!(open(&path).await.snapshot().await.unwrap(), Some("short".into()));
}

#[tokio::test]
async fn a_file_of_another_format_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("raft.redb");
    drop(RedbDisk::open(&path, NodeId::new(1)).await.unwrap());
    let numbers: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("numbers");
    let write = |format: u32| {
        let database = redb::Database::open(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        let mut table = transaction.open_table(numbers).unwrap();
        table.insert("format", u64::from(format)).unwrap();
        drop(table);
        transaction.commit().unwrap();
    };
    for format in [DISK_FORMAT + 1, DISK_FORMAT - 1] {
        write(format);
        let before = std::fs::read(&path).unwrap();
        for _ in 0..2 {
            let refused = RedbDisk::open(&path, NodeId::new(1)).await;
            let (found, known) = match refused {
                Err(OpenError::Newer { found, known }) if format > DISK_FORMAT => (found, known),
                Err(OpenError::Older { found, known }) if format < DISK_FORMAT => (found, known),
                other => panic!("{other:?}"),
            };
            assert_eq!((found, known), (format, DISK_FORMAT));
        }
        assert!(std::fs::read(&path).unwrap() == before, "it was written to");
    }
    write(DISK_FORMAT);
    RedbDisk::open(&path, NodeId::new(1)).await.unwrap();
}

#[tokio::test]
async fn a_file_of_another_node_and_one_in_use_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("raft.redb");
    let held = RedbDisk::open(&path, NodeId::new(1)).await.unwrap();
    let refused = RedbDisk::open(&path, NodeId::new(1)).await;
    assert!(matches!(refused, Err(OpenError::InUse)), "{refused:?}");
    drop(held);
    let refused = RedbDisk::open(&path, NodeId::new(2)).await;
    let Err(OpenError::OtherNode { found }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(found, NodeId::new(1));
}

#[tokio::test]
async fn a_file_that_does_not_say_all_that_it_should_is_not_taken_for_a_new_one() {
    let numbers: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("numbers");
    let notes: redb::TableDefinition<'_, &str, &[u8]> = redb::TableDefinition::new("notes");
    let later = u64::from(DISK_FORMAT) + 1;
    for (written, newer) in [
        (vec![("format", later)], true),
        (vec![("format", u64::from(DISK_FORMAT))], false),
        (vec![("node", 1)], false),
        (vec![], false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("raft.redb");
        let database = redb::Database::create(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(notes).unwrap();
        if !written.is_empty() {
            let mut table = transaction.open_table(numbers).unwrap();
            for (name, number) in &written {
                table.insert(*name, number).unwrap();
            }
        }
        transaction.commit().unwrap();
        drop(database);
        let before = std::fs::read(&path).unwrap();
        let refused = RedbDisk::open(&path, NodeId::new(1)).await;
        match refused {
            Err(OpenError::Newer { found, .. }) if newer => assert_eq!(u64::from(found), later),
            Err(OpenError::Failed(error)) if !newer => assert!(error.reason.contains("damaged"), "{error}"),
            other => panic!("{written:?}: {other:?}"),
        }
        assert!(
            std::fs::read(&path).unwrap() == before,
            "{written:?}: it was written to"
        );
    }
}
