//! What the tests share: guards, rows, an engine in a temporary directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use bytes::Bytes;
use tempfile::TempDir;
use tidegate_engine_fjall::{FjallConfig, FjallEngine};
use tidegate_guard::{SessionId, SharedGuard, Unfenced};
use tidegate_kv::{Row, RowStore, Timestamp, encode_rows};
use tidegate_streaming::{Batch, Position, SourceEngine, UnitId};
use tidegate_tablets::TabletId;
use tidegate_transport::PeerId;

pub(crate) const TABLET: TabletId = TabletId::new(7);
pub(crate) const UNIT: UnitId = UnitId::new(7);
pub(crate) const SOURCE: PeerId = PeerId::new(3);

pub(crate) fn session(number: u128) -> SessionId {
    SessionId::from_u128(number).expect("not nil")
}

pub(crate) fn unfenced() -> SharedGuard {
    Arc::new(Unfenced)
}

pub(crate) fn row(key: &str, time: u64, value: &str) -> Row {
    Row {
        key: Bytes::copy_from_slice(key.as_bytes()),
        timestamp: Timestamp {
            time,
            node: 1,
            start: 1,
        },
        value: Some(Bytes::copy_from_slice(value.as_bytes())),
    }
}

pub(crate) fn tombstone(key: &str, time: u64) -> Row {
    Row {
        value: None,
        ..row(key, time, "")
    }
}

/// Rows must be in order.
pub(crate) fn batch(rows: &[Row]) -> Batch {
    Batch {
        payload: encode_rows(rows).expect("short rows"),
        rows: u32::try_from(rows.len()).expect("few"),
        last: Position(rows.last().expect("not empty").key.clone()),
    }
}

/// No folds in the background, so that tests see each state.
pub(crate) fn still() -> FjallConfig {
    FjallConfig {
        fold_on_attach: false,
        worker_threads: 1,
        ..FjallConfig::default()
    }
}

/// Everything that is staged in order goes to a table file, and every batch makes one.
pub(crate) fn in_tables(config: FjallConfig) -> FjallConfig {
    FjallConfig {
        staged_in_journal_bytes: 0,
        table_bytes_max: 1,
        ..config
    }
}

/// The same, but one table file takes all that comes.
pub(crate) fn in_one_table(config: FjallConfig) -> FjallConfig {
    FjallConfig {
        table_bytes_max: u64::MAX,
        ..in_tables(config)
    }
}

pub(crate) async fn open(path: &Path, config: FjallConfig) -> Arc<FjallEngine> {
    FjallEngine::open(path, config).await.expect("opens")
}

pub(crate) async fn fresh(config: FjallConfig) -> (TempDir, Arc<FjallEngine>) {
    let directory = tempfile::tempdir().expect("a directory");
    let engine = open(directory.path(), config).await;
    (directory, engine)
}

/// Copies a directory as it is at this moment: what a crash would leave. What the store does in the background may come
/// in between, and takes files away: then it is copied anew.
pub(crate) fn copy_tree(from: &Path, to: &Path) {
    for _ in 0..1000 {
        let before = files(from);
        if copied(from, to).is_ok() && files(from) == before {
            return;
        }
        fs::remove_dir_all(to).expect("makes room for another copy");
    }
    panic!("the directory never stood still");
}

/// Its files and how long they are; one that goes meanwhile is left out.
fn files(directory: &Path) -> Vec<(PathBuf, u64)> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries
        .flat_map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => files(&entry.path()),
            Ok(metadata) => vec![(entry.path(), metadata.len())],
            Err(_) => Vec::new(),
        })
        .collect();
    files.sort();
    files
}

fn copied(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copied(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// All rows of the tablet.
pub(crate) async fn rows(engine: &FjallEngine, tablet: TabletId) -> Vec<Row> {
    engine
        .scan(tablet, None, usize::MAX, usize::MAX)
        .await
        .expect("scans")
}

/// All rows of the tablet as a stream would carry them, in batches of about `bytes_max`.
pub(crate) async fn streamed(engine: &FjallEngine, from: Option<&str>, bytes_max: usize) -> Vec<Row> {
    let from = from.map(|key| Position(Bytes::copy_from_slice(key.as_bytes())));
    let mut scan = engine.snapshot(UNIT, unfenced(), from).await.expect("a snapshot");
    let mut rows = Vec::new();
    while let Some(batch) = scan.next(bytes_max).await.expect("reads on") {
        let batch_rows = tidegate_kv::share_rows(&batch.payload).expect("sound");
        assert_eq!(batch_rows.len(), batch.rows as usize);
        assert_eq!(batch_rows.last().map(|row| row.key.clone()), Some(batch.last.0));
        rows.extend(batch_rows);
    }
    rows
}
