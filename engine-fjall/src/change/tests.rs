//! Crashes in the middle of a fold or a removal: the directory is copied after each step, and the copy opened. And
//! what is answered while the disk has not taken a change, or never does.

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use bytes::Bytes;
use fjall::PersistMode;
use tempfile::TempDir;
use tidegate_guard::{SessionId, Unfenced};
use tidegate_kv::{Row, RowStore, Timestamp, encode_rows};
use tidegate_streaming::{Batch, EngineError, Position, TargetEngine, UnitId};
use tidegate_tablets::TabletId;
use tidegate_transport::PeerId;

use super::{FoldStep, fold_chunk};
use crate::committer::Durability;
use crate::record::{position_key, removal_key};
use crate::{FjallConfig, FjallEngine};

const TABLET: TabletId = TabletId::new(7);
const UNIT: UnitId = UnitId::new(7);

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("makes a directory");
    for entry in fs::read_dir(from).expect("reads the directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copies");
        }
    }
}

fn row(key: u64, time: u64, value: &'static str) -> Row {
    Row {
        key: Bytes::from(format!("{key:03}")),
        timestamp: Timestamp {
            time,
            node: 1,
            start: 1,
        },
        value: Some(Bytes::from_static(value.as_bytes())),
    }
}

async fn layered() -> (TempDir, Arc<FjallEngine>, Vec<Row>) {
    let directory = tempfile::tempdir().expect("a directory");
    let config = FjallConfig {
        fold_on_attach: false,
        ..FjallConfig::default()
    };
    let engine = FjallEngine::open(directory.path(), config).await.expect("opens");
    let session = SessionId::from_u128(1).expect("not nil");
    engine
        .write(TABLET, Arc::new(Unfenced), vec![row(3, 9, "direct")])
        .await
        .expect("writes");
    let staged: Vec<Row> = (0..50).map(|key| row(key, 5, "staged")).collect();
    let batch = Batch {
        payload: encode_rows(&staged).expect("short"),
        rows: 50,
        last: Position(Bytes::from_static(b"049")),
    };
    let staging = engine
        .staging(UNIT, session, Arc::new(Unfenced))
        .await
        .expect("an area");
    staging
        .stage(Arc::new(Unfenced), PeerId::new(2), batch)
        .await
        .expect("stages");
    staging.attach(Arc::new(Unfenced)).await.expect("attaches");
    let mut expected = staged;
    expected[3] = row(3, 9, "direct");
    (directory, engine, expected)
}

async fn reopened(directory: &TempDir) -> (TempDir, Arc<FjallEngine>) {
    let copy = tempfile::tempdir().expect("a directory");
    copy_tree(directory.path(), copy.path());
    let config = FjallConfig {
        fold_on_attach: false,
        ..FjallConfig::default()
    };
    let engine = FjallEngine::open(copy.path(), config).await.expect("opens");
    (copy, engine)
}

async fn rows(engine: &FjallEngine) -> Vec<Row> {
    engine
        .scan(TABLET, None, usize::MAX, usize::MAX)
        .await
        .expect("scans")
}

#[tokio::test]
async fn a_fold_cut_short_anywhere_shows_the_same_and_is_taken_up_again() {
    let (directory, engine, expected) = layered().await;
    let store = &engine.store;
    let mut after = None;
    loop {
        assert_eq!(rows(&engine).await, expected);
        let (copy, again) = reopened(&directory).await;
        assert_eq!(rows(&again).await, expected);
        again.fold(TABLET).await.expect("folds from the start");
        assert_eq!(rows(&again).await, expected);
        assert!(again.store.first_layer(7).is_none());
        drop(again);
        drop(copy);
        let Some((session, layer)) = store.first_layer(7) else {
            break;
        };
        let chunk = fold_chunk(&layer, after.as_ref(), 400).expect("reads");
        let (step, _) = store.fold(7, session, chunk).expect("folds");
        store.db.persist(PersistMode::SyncAll).expect("syncs");
        match step {
            FoldStep::After(key) => after = Some(key),
            FoldStep::Ended => after = None,
        }
    }
    assert_eq!(rows(&engine).await, expected);
}

#[tokio::test]
async fn a_fold_that_runs_while_the_tablet_is_removed_brings_nothing_back() {
    let (_directory, engine, _) = layered().await;
    let store = &engine.store;
    let (session, layer) = store.first_layer(7).expect("a layer");
    let chunk = fold_chunk(&layer, None, 400).expect("reads");
    engine.remove(TABLET, Arc::new(Unfenced)).await.expect("removes");
    assert_eq!(
        store.fold(7, session, chunk).expect("folds nothing").0,
        FoldStep::Ended
    );
    assert!(rows(&engine).await.is_empty());
    assert!(engine.tablets().await.expect("a list").is_empty());
}

#[tokio::test]
async fn a_removal_once_decided_is_carried_out_after_a_crash() {
    let (directory, engine, _) = layered().await;
    let store = &engine.store;
    store.meta.insert(removal_key(7), []).expect("decides");
    store.db.persist(PersistMode::SyncAll).expect("syncs");
    let (_copy, again) = reopened(&directory).await;
    assert!(rows(&again).await.is_empty());
    assert!(again.tablets().await.expect("a list").is_empty());
    assert!(again.staged().await.expect("a list").is_empty());
    // Some of it was done before the crash.
    for name in store.keyspaces_of(7).into_iter().take(1) {
        let space = store.space(&name).expect("opens");
        store.db.delete_keyspace(space.keyspace.clone()).expect("deletes");
    }
    let (_copy, again) = reopened(&directory).await;
    assert!(again.tablets().await.expect("a list").is_empty());
}

#[tokio::test]
async fn a_removal_tried_again_leaves_no_mark_that_would_remove_later_rows() {
    let (directory, engine, _) = layered().await;
    let store = &engine.store;
    // A removal that failed between the rows and its mark.
    engine.remove(TABLET, Arc::new(Unfenced)).await.expect("removes");
    store.meta.insert(removal_key(7), []).expect("marks");
    engine.remove(TABLET, Arc::new(Unfenced)).await.expect("removes");
    let later = vec![row(1, 20, "later")];
    engine
        .write(TABLET, Arc::new(Unfenced), later.clone())
        .await
        .expect("writes");
    let (_copy, again) = reopened(&directory).await;
    assert_eq!(rows(&again).await, later);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_staged_while_its_tablet_is_removed_leaves_no_position() {
    let (_directory, engine, _) = layered().await;
    let session = SessionId::from_u128(2).expect("not nil");
    engine
        .staging(UNIT, session, Arc::new(Unfenced))
        .await
        .expect("an area");
    let store = &engine.store;
    let area = store.area((UNIT, session)).expect("the area");
    let removing = tokio::spawn({
        let engine = Arc::clone(&engine);
        async move { engine.remove(TABLET, Arc::new(Unfenced)).await }
    });
    let staging = || {
        let _batch = area.state();
        while !store.meta.contains_key(removal_key(7)).expect("reads") {
            std::thread::yield_now();
        }
        let key = position_key(UNIT, session, 3);
        store.meta.insert(key, "049").expect("stages");
    };
    staging();
    removing.await.expect("no panic").expect("removes");
    assert!(store.records_of(7).expect("reads").is_empty());
}

#[tokio::test]
async fn after_a_sync_that_failed_a_write_tried_again_is_not_acknowledged() {
    let (_directory, engine, _) = layered().await;
    let write = || engine.write(TABLET, Arc::new(Unfenced), vec![row(3, 30, "new")]);
    engine.store.committer.sync_fails.store(true, Ordering::Relaxed);
    let failed = write().await;
    assert!(matches!(failed, Err(EngineError::DiskFull)), "{failed:?}");
    let again = write().await;
    assert!(
        matches!(again, Err(EngineError::DiskFull)),
        "held, but by no disk: {again:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attach_is_told_to_nobody_before_it_is_durable() {
    let (_directory, engine, _) = layered().await;
    let session = SessionId::from_u128(2).expect("not nil");
    let staging = || engine.staging(UNIT, session, Arc::new(Unfenced));
    let (attaching, asking) = (
        staging().await.expect("an area"),
        staging().await.expect("the area"),
    );
    // Two changes that wait: one until the attach shares the second's group, one in place of a slow disk.
    let hold = |wait: mpsc::Receiver<()>, reached: mpsc::SyncSender<()>| {
        engine.store.committer.run(None, move |_| {
            let told = reached.send(()).is_ok() && wait.recv().is_ok();
            Ok((told, Durability::Synced))
        })
    };
    let ((go, waits), (reached, is_reached)) = (mpsc::sync_channel(1), mpsc::sync_channel(1));
    let ((release, on_disk), (attached, is_attached)) = (mpsc::sync_channel(1), mpsc::sync_channel(1));
    let mut first = Box::pin(hold(waits, reached));
    let mut attach = Box::pin(attaching.attach(Arc::new(Unfenced)));
    let mut disk = Box::pin(hold(on_disk, attached));
    assert!(is_pending(&mut first).await);
    is_reached.recv().expect("runs");
    assert!(is_pending(&mut attach).await && is_pending(&mut disk).await);
    go.send(()).expect("waits");
    is_attached.recv().expect("the attach has been run");
    let mut asked = Box::pin(asking.attached());
    let early = tokio::time::timeout(Duration::from_millis(200), &mut asked).await;
    assert!(early.is_err(), "told before the sync: {early:?}");
    release.send(()).expect("waits");
    attach.await.expect("attaches");
    assert!(asked.await.expect("answers"));
    assert!(first.await.expect("runs") && disk.await.expect("runs"));
}

/// Polls a future once; whether it waits.
async fn is_pending<T>(future: &mut (impl Future<Output = T> + Unpin)) -> bool {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_pending())
    })
    .await
}
