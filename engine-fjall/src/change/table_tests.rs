//! Table files that fail, and keyspaces that change their parts.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use fjall::PersistMode;
use tempfile::TempDir;
use tidegate_guard::{SessionId, SharedGuard, Unfenced};
use tidegate_kv::{Row, RowStore, Timestamp, encode_rows};
use tidegate_streaming::{Batch, EngineError, Position, Staging, TargetEngine, UnitId};
use tidegate_tablets::TabletId;
use tidegate_transport::PeerId;

use super::{FoldStep, fold_chunk};
use crate::tablet::Named;
use crate::{FjallConfig, FjallEngine};

const TABLET: TabletId = TabletId::new(7);
pub(super) const UNIT: UnitId = UnitId::new(7);
pub(super) const SOURCE: PeerId = PeerId::new(2);

pub(super) fn config() -> FjallConfig {
    FjallConfig {
        fold_on_attach: false,
        staged_in_journal_bytes: 0,
        ..FjallConfig::default()
    }
}

pub(super) fn unfenced() -> SharedGuard {
    Arc::new(Unfenced)
}

pub(super) fn session(number: u128) -> SessionId {
    SessionId::from_u128(number).expect("not nil")
}

fn named(number: u128) -> Named {
    Named::Session(session(number))
}

pub(super) fn row(key: u64, time: u64) -> Row {
    Row {
        key: Bytes::from(format!("{key:03}")),
        timestamp: Timestamp {
            time,
            node: 1,
            start: 1,
        },
        value: Some(Bytes::from(format!("{key} at {time}"))),
    }
}

pub(super) fn batch(rows: &[Row]) -> Batch {
    Batch {
        payload: encode_rows(rows).expect("short"),
        rows: u32::try_from(rows.len()).expect("few"),
        last: Position(rows.last().expect("some").key.clone()),
    }
}

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

pub(super) async fn fresh() -> (TempDir, Arc<FjallEngine>) {
    let directory = tempfile::tempdir().expect("a directory");
    let engine = FjallEngine::open(directory.path(), config())
        .await
        .expect("opens");
    (directory, engine)
}

pub(super) async fn rows(engine: &FjallEngine) -> Vec<Row> {
    engine
        .scan(TABLET, None, usize::MAX, usize::MAX)
        .await
        .expect("scans")
}

pub(super) async fn staging(engine: &FjallEngine, number: u128) -> Box<dyn Staging> {
    let staging = engine.staging(UNIT, session(number), unfenced()).await;
    staging.expect("an area")
}

async fn attached(engine: &FjallEngine, number: u128, rows: &[Row]) {
    let staging = staging(engine, number).await;
    staging
        .stage(unfenced(), SOURCE, batch(rows))
        .await
        .expect("stages");
    staging.attach(unfenced()).await.expect("attaches");
}

fn main_named(engine: &FjallEngine) -> Named {
    let tablet = engine.store.tablet(7).expect("is held");
    let state = tablet.state();
    state.main_named
}

/// What a crash at this moment would leave shows the same, before and after it is folded.
async fn same_after_a_crash(directory: &TempDir, expected: &[Row]) {
    let copy = tempfile::tempdir().expect("a directory");
    copy_tree(directory.path(), copy.path());
    for _ in 0..2 {
        let again = FjallEngine::open(copy.path(), config()).await.expect("opens");
        assert_eq!(rows(&again).await, expected);
        again.fold(TABLET).await.expect("folds");
        assert_eq!(rows(&again).await, expected);
        assert!(again.store.first_layer(7).is_none());
        again.close().await.expect("closes");
    }
}

/// Folds step by step, with a crash after each.
async fn fold_with_crashes(directory: &TempDir, engine: &FjallEngine, expected: &[Row]) {
    let store = &engine.store;
    let sync = || store.db.persist(PersistMode::SyncAll).expect("syncs");
    store.adopt(7).expect("adopts");
    let mut after = None;
    loop {
        assert_eq!(rows(engine).await, expected);
        sync();
        same_after_a_crash(directory, expected).await;
        let Some((layer, space)) = store.first_layer(7) else {
            break;
        };
        let chunk = fold_chunk(&space, after.as_ref(), 100).expect("reads");
        after = match store.fold(7, layer, chunk).expect("folds").0 {
            FoldStep::After(key) => Some(key),
            FoldStep::Ended => None,
        };
    }
}

#[tokio::test]
async fn what_was_moved_becomes_the_tablets_own_and_the_few_rows_beside_it_are_folded() {
    let (directory, engine) = fresh().await;
    let meanwhile = vec![row(3, 9), row(70, 9)];
    engine
        .write(TABLET, unfenced(), meanwhile.clone())
        .await
        .expect("writes");
    let moved: Vec<Row> = (0..50).map(|key| row(key, 5)).collect();
    attached(&engine, 1, &moved).await;
    let mut expected = moved;
    expected[3] = meanwhile[0].clone();
    expected.push(meanwhile[1].clone());
    fold_with_crashes(&directory, &engine, &expected).await;
    assert_eq!(main_named(&engine), named(1));
    let names = engine.store.keyspaces_of(7);
    assert_eq!(names.len(), 1, "{names:?}");

    // What comes now is written to it, and what is attached and smaller is folded into it.
    engine
        .write(TABLET, unfenced(), vec![row(4, 10)])
        .await
        .expect("writes");
    expected[4] = row(4, 10);
    attached(&engine, 2, &[row(5, 11)]).await;
    expected[5] = row(5, 11);
    fold_with_crashes(&directory, &engine, &expected).await;
    assert_eq!(main_named(&engine), named(1));

    // What is larger takes its place in turn.
    let more: Vec<Row> = (0..90).map(|key| row(key, 20)).collect();
    attached(&engine, 3, &more).await;
    fold_with_crashes(&directory, &engine, &more).await;
    assert_eq!(main_named(&engine), named(3));
    assert_eq!(engine.store.keyspaces_of(7).len(), 1);

    engine.discard(UNIT, session(3)).await.expect("discards the mark");
    same_after_a_crash(&directory, &more).await;
    let reused = engine.staging(UNIT, session(3), unfenced()).await;
    assert!(matches!(reused, Err(EngineError::Gone)), "{reused:?}");
    engine.remove(TABLET, unfenced()).await.expect("removes");
    same_after_a_crash(&directory, &[]).await;
    assert!(engine.store.records_of(7).expect("reads").is_empty());
    let later = vec![row(1, 30)];
    engine
        .write(TABLET, unfenced(), later.clone())
        .await
        .expect("writes");
    same_after_a_crash(&directory, &later).await;
}

#[tokio::test]
async fn a_table_file_that_fails_takes_no_row_along_that_is_not_staged_again() {
    let (_directory, engine) = fresh().await;
    let first = staging(&engine, 1).await;
    let (early, late) = ([row(1, 1), row(2, 1)], [row(3, 1), row(4, 1)]);
    first
        .stage(unfenced(), SOURCE, batch(&early))
        .await
        .expect("stages");
    engine.store.committer.run_fails.store(true, Ordering::Relaxed);
    let synced = first.sync(unfenced()).await;
    assert!(matches!(synced, Err(EngineError::DiskFull)), "{synced:?}");

    // Whoever staged what is lost must not go on as if it were there.
    assert!(first.stage(unfenced(), SOURCE, batch(&late)).await.is_err());
    assert!(first.sync(unfenced()).await.is_err());
    assert!(first.position(SOURCE).await.is_err());
    assert!(first.attach(unfenced()).await.is_err());

    let second = staging(&engine, 1).await;
    assert_eq!(second.position(SOURCE).await.expect("answers"), None);
    for rows in [&early, &late] {
        second
            .stage(unfenced(), SOURCE, batch(rows))
            .await
            .expect("stages");
    }
    assert!(first.attach(unfenced()).await.is_err(), "it staged half of them");
    second.attach(unfenced()).await.expect("attaches");
    assert_eq!(rows(&engine).await, [early, late].concat());
}

#[tokio::test]
async fn a_table_file_that_fails_behind_the_next_one_takes_that_along() {
    let directory = tempfile::tempdir().unwrap();
    let each_batch = FjallConfig {
        table_bytes_max: 1,
        ..config()
    };
    let engine = FjallEngine::open(directory.path(), each_batch).await.unwrap();
    let first = staging(&engine, 1).await;
    let pieces: Vec<_> = (1..5).map(|key| [row(key, 1)]).collect();
    first.stage(unfenced(), SOURCE, batch(&pieces[0])).await.unwrap();
    let held = first.position(SOURCE).await.unwrap();
    assert_eq!(held, Some(batch(&pieces[0]).last));
    engine.store.committer.run_fails.store(true, Ordering::Relaxed);
    // Handed over: its file is finished behind it, and fails.
    first.stage(unfenced(), SOURCE, batch(&pieces[1])).await.unwrap();
    let behind = first.stage(unfenced(), SOURCE, batch(&pieces[2])).await;
    assert!(matches!(behind, Err(EngineError::DiskFull)), "{behind:?}");
    assert!(first.stage(unfenced(), SOURCE, batch(&pieces[3])).await.is_err());
    assert!(first.attach(unfenced()).await.is_err());

    let second = staging(&engine, 1).await;
    assert_eq!(second.position(SOURCE).await.unwrap(), held);
    for piece in &pieces[1..] {
        second.stage(unfenced(), SOURCE, batch(piece)).await.unwrap();
    }
    second.attach(unfenced()).await.unwrap();
    assert_eq!(rows(&engine).await, pieces.concat());
}

#[tokio::test]
async fn a_position_does_not_go_back_within_a_table_file() {
    let (_directory, engine) = fresh().await;
    let staging = staging(&engine, 1).await;
    for (key, last) in [(1, "9"), (2, "5")] {
        let batch = Batch {
            last: Position(Bytes::from(last)),
            ..batch(&[row(key, 1)])
        };
        staging.stage(unfenced(), SOURCE, batch).await.unwrap();
    }
    let position = staging.position(SOURCE).await.unwrap();
    assert_eq!(position, Some(Position(Bytes::from("9"))));
}
