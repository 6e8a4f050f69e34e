//! The simulated engine keeps what streaming and the store ask of engines.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_guard::{SharedGuard, Unfenced};
use tidegate_kv::conformance::Place;
use tidegate_kv::{Row, RowStore, Timestamp, encode_rows, share_rows};
use tidegate_sim::engine::{DiskConfig, SimDisk, SimEngine};
use tidegate_sim::recorder::{Recorder, RecorderOptions};
use tidegate_streaming::conformance::{Specimen, SpecimenRow};
use tidegate_streaming::{Batch, EngineError, Position, SourceEngine, TargetEngine, UnitId};
use tidegate_tablets::{NodeId, TabletId};

/// A test per case of the rows' suite, in virtual time.
macro_rules! row_cases {
    (($place:expr) $($case:ident)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $case() {
            tidegate_kv::conformance::$case(&$place).await;
        }
    )*};
}

/// A test per case of the streams' suite, in virtual time.
macro_rules! stream_cases {
    (($make:expr) $($group:ident :: $name:ident)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            tidegate_streaming::conformance::$group::$name($make().await).await.unwrap();
        }
    )*};
}

fn disk() -> SimDisk {
    let recorder = Recorder::new(RecorderOptions::default());
    SimDisk::new(
        NodeId::new(1),
        fastrand::Rng::with_seed(7),
        recorder,
        DiskConfig::default(),
    )
}

struct OnDisk(SimDisk);

#[async_trait]
impl Place for OnDisk {
    async fn open(&self) -> Arc<dyn RowStore> {
        self.0.open()
    }
}

mod rows {
    use super::*;

    tidegate_kv::__each_row_store_case! { { row_cases } (OnDisk(disk())) }
}

#[derive(Debug)]
struct Simulated {
    disk: SimDisk,
    engine: Arc<SimEngine>,
}

fn unfenced() -> SharedGuard {
    Arc::new(Unfenced)
}

fn to_row(row: &SpecimenRow) -> Row {
    let timestamp = Timestamp {
        time: row.timestamp,
        ..Timestamp::default()
    };
    // Rows without a value are tombstones here: the suite's engine holds them as it holds any other.
    let value = Some(row.value.clone()).filter(|value| !value.is_empty());
    Row {
        key: row.key.clone(),
        timestamp,
        value,
    }
}

fn from_row(row: Row) -> SpecimenRow {
    SpecimenRow {
        key: row.key,
        timestamp: row.timestamp.time,
        value: row.value.unwrap_or_default(),
    }
}

const fn tablet_of(unit: UnitId) -> TabletId {
    TabletId::new(unit.as_u64())
}

#[async_trait]
impl Specimen for Simulated {
    fn source(&self) -> Arc<dyn SourceEngine> {
        Arc::clone(&self.engine) as _
    }

    fn target(&self) -> Arc<dyn TargetEngine> {
        Arc::clone(&self.engine) as _
    }

    fn batch(&self, rows: &[SpecimenRow]) -> Batch {
        let rows: Vec<Row> = rows.iter().map(to_row).collect();
        let last = rows.last().map_or_else(Bytes::new, |row| row.key.clone());
        let count = u32::try_from(rows.len()).unwrap();
        Batch {
            payload: encode_rows(&rows).unwrap(),
            rows: count,
            last: Position(last),
        }
    }

    fn rows(&self, batch: &Batch) -> Option<Vec<SpecimenRow>> {
        let rows = share_rows(&batch.payload).ok()?;
        Some(rows.into_iter().map(from_row).collect())
    }

    async fn write(&self, unit: UnitId, rows: &[SpecimenRow]) -> Result<(), EngineError> {
        let rows = rows.iter().map(to_row).collect();
        self.engine.write(tablet_of(unit), unfenced(), rows).await
    }

    async fn read(&self, unit: UnitId) -> Result<Vec<SpecimenRow>, EngineError> {
        let rows = self
            .engine
            .scan(tablet_of(unit), None, usize::MAX, usize::MAX)
            .await?;
        Ok(rows.into_iter().map(from_row).collect())
    }

    async fn crash(self: Box<Self>) -> Option<Box<dyn Specimen>> {
        self.disk.crash();
        let engine = self.disk.open();
        let disk = self.disk;
        Some(Box::new(Self { disk, engine }))
    }
}

mod streams {
    use super::*;

    async fn make() -> Box<dyn Specimen> {
        let disk = disk();
        let engine = disk.open();
        Box::new(Simulated { disk, engine })
    }

    tidegate_streaming::__each_engine_case! { { stream_cases } (make) }
}
