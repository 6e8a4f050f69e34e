//! What every engine must do: the suites of streaming and of kv.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tempfile::TempDir;
use tidegate_engine_fjall::{FjallConfig, FjallEngine};
use tidegate_kv::conformance::Place;
use tidegate_kv::{Row, RowStore, Timestamp, encode_rows, share_rows};
use tidegate_streaming::conformance::{Specimen, SpecimenRow};
use tidegate_streaming::{Batch, EngineError, Position, SourceEngine, TargetEngine, UnitId};
use tidegate_tablets::TabletId;

use crate::rig::{copy_tree, in_one_table, in_tables, open, rows, unfenced};

/// A directory that an engine is opened in again and again.
struct OnDisk {
    directory: TempDir,
    config: FjallConfig,
}

impl OnDisk {
    fn new(fold_on_attach: bool) -> Self {
        Self::of(FjallConfig {
            fold_on_attach,
            ..folding()
        })
    }

    fn of(config: FjallConfig) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        Self { directory, config }
    }
}

fn folding() -> FjallConfig {
    FjallConfig {
        worker_threads: 1,
        ..FjallConfig::default()
    }
}

#[async_trait]
impl Place for OnDisk {
    async fn open(&self) -> Arc<dyn RowStore> {
        open(self.directory.path(), self.config.clone()).await
    }
}

mod folded {
    use super::OnDisk;

    tidegate_kv::row_store_tests!(OnDisk::new(true));
}

mod layered {
    use super::OnDisk;

    tidegate_kv::row_store_tests!(OnDisk::new(false));
}

mod in_tables {
    use super::{OnDisk, folding};
    use crate::rig;

    tidegate_kv::row_store_tests!(OnDisk::of(rig::in_tables(folding())));
}

/// An engine whose crash is a copy of its directory, taken while it runs.
#[derive(Debug)]
struct Running {
    engine: Arc<FjallEngine>,
    directory: TempDir,
    config: FjallConfig,
}

fn to_row(row: &SpecimenRow) -> Row {
    Row {
        key: row.key.clone(),
        timestamp: Timestamp {
            time: row.timestamp,
            node: 1,
            start: 1,
        },
        value: Some(row.value.clone()),
    }
}

fn from_row(row: Row) -> Option<SpecimenRow> {
    Some(SpecimenRow {
        key: row.key,
        timestamp: row.timestamp.time,
        value: row.value?,
    })
}

async fn specimen(directory: TempDir, config: FjallConfig) -> Box<dyn Specimen> {
    let engine = open(directory.path(), config.clone()).await;
    Box::new(Running {
        engine,
        directory,
        config,
    })
}

async fn empty() -> Box<dyn Specimen> {
    specimen(tempfile::tempdir().expect("a directory"), folding()).await
}

async fn empty_in_tables() -> Box<dyn Specimen> {
    specimen(tempfile::tempdir().expect("a directory"), in_tables(folding())).await
}

async fn empty_in_one_table() -> Box<dyn Specimen> {
    specimen(tempfile::tempdir().expect("a directory"), in_one_table(folding())).await
}

#[async_trait]
impl Specimen for Running {
    fn source(&self) -> Arc<dyn SourceEngine> {
        Arc::clone(&self.engine) as _
    }

    fn target(&self) -> Arc<dyn TargetEngine> {
        Arc::clone(&self.engine) as _
    }

    fn batch(&self, rows: &[SpecimenRow]) -> Batch {
        let last = rows.last().map(|row| row.key.clone()).unwrap_or_default();
        let rows: Vec<Row> = rows.iter().map(to_row).collect();
        let payload = encode_rows(&rows).expect("short rows");
        Batch {
            payload,
            rows: u32::try_from(rows.len()).expect("few"),
            last: Position(last),
        }
    }

    fn rows(&self, batch: &Batch) -> Option<Vec<SpecimenRow>> {
        share_rows(&batch.payload)
            .ok()?
            .into_iter()
            .map(from_row)
            .collect()
    }

    async fn write(&self, unit: UnitId, rows: &[SpecimenRow]) -> Result<(), EngineError> {
        let rows = rows.iter().map(to_row).collect();
        self.engine
            .write(TabletId::new(unit.as_u64()), unfenced(), rows)
            .await
    }

    async fn read(&self, unit: UnitId) -> Result<Vec<SpecimenRow>, EngineError> {
        Ok(rows(&self.engine, TabletId::new(unit.as_u64()))
            .await
            .into_iter()
            .filter_map(from_row)
            .collect())
    }

    async fn crash(self: Box<Self>) -> Option<Box<dyn Specimen>> {
        let copy = tempfile::tempdir().expect("a directory");
        copy_tree(self.directory.path(), copy.path());
        Some(specimen(copy, self.config.clone()).await)
    }
}

mod engine {
    use super::empty;

    tidegate_streaming::engine_conformance_tests!(empty);
}

mod engine_in_tables {
    use super::empty_in_tables;

    tidegate_streaming::engine_conformance_tests!(empty_in_tables);
}

mod engine_in_one_table {
    use super::empty_in_one_table;

    tidegate_streaming::engine_conformance_tests!(empty_in_one_table);
}

/// A directory that holds something else is not opened, and stays as it is.
#[tokio::test]
async fn a_directory_of_something_else_is_not_an_engine() {
    let directory = tempfile::tempdir().expect("a directory");
    let path: &Path = directory.path();
    fs::write(path.join("version"), Bytes::from_static(b"something else")).expect("writes");
    let refused = FjallEngine::open(path, FjallConfig::default()).await;
    assert!(
        matches!(refused, Err(tidegate_engine_fjall::OpenError::Format { .. })),
        "{refused:?}"
    );
}
