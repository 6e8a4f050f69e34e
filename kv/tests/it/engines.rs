//! The memory engine keeps the engines' suite, and broken engines fail it.

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_guard::{SessionId, SharedGuard};
use tidegate_kv::conformance::{self, Place};
use tidegate_kv::{MemoryEngine, Row, RowStore, share_rows};
use tidegate_streaming::{Batch, EngineError, Position, Scan, SourceEngine, Staging, TargetEngine, UnitId};
use tidegate_tablets::TabletId;
use tidegate_transport::PeerId;

use crate::cluster::unfenced;

#[derive(Default)]
struct InMemory(MemoryEngine);

#[async_trait]
impl Place for InMemory {
    async fn open(&self) -> Arc<dyn RowStore> {
        Arc::new(self.0.clone())
    }
}

tidegate_kv::row_store_tests!(InMemory::default());

/// What is wrong with an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    ForgetsOnClose,
    LaterWriteWins,
    HidesTombstones,
    TakesEmptyForDeleted,
    SortsAnswers,
    WritesRowByRow,
    OneTabletForAll,
    IgnoresRowsMax,
    IgnoresBytesMax,
    ScansFromTheStart,
    IgnoresTheFloor,
    PurgesAll,
    PurgesNothing,
    RemovesNothing,
    ForgetsStagedTablets,
    ForgetsTime,
    IgnoresGuards,
    SnapshotsLive,
    ShowsStaged,
    AcceptsAnyBatch,
}

/// A memory engine with one fault.
#[derive(Debug, Clone)]
struct Faulty {
    inner: MemoryEngine,
    fault: Fault,
}

impl Faulty {
    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn guard(&self, guard: SharedGuard) -> SharedGuard {
        if self.has(Fault::IgnoresGuards) {
            unfenced()
        } else {
            guard
        }
    }

    fn tablet(&self, tablet: TabletId) -> TabletId {
        if self.has(Fault::OneTabletForAll) {
            TabletId::new(8)
        } else {
            tablet
        }
    }

    fn shown(&self, row: Row) -> Option<Row> {
        (!self.has(Fault::HidesTombstones) || row.value.is_some()).then_some(row)
    }
}

#[async_trait]
impl Place for Faulty {
    async fn open(&self) -> Arc<dyn RowStore> {
        let inner = if self.has(Fault::ForgetsOnClose) {
            MemoryEngine::new()
        } else {
            self.inner.clone()
        };
        Arc::new(Self {
            inner,
            fault: self.fault,
        })
    }
}

#[async_trait]
impl RowStore for Faulty {
    async fn write(
        &self,
        tablet: TabletId,
        guard: SharedGuard,
        mut rows: Vec<Row>,
    ) -> Result<(), EngineError> {
        let (tablet, guard) = (self.tablet(tablet), self.guard(guard));
        match self.fault {
            Fault::LaterWriteWins => {
                for row in &mut rows {
                    let held = self.inner.latest(tablet, vec![row.key.clone()]).await?[0];
                    if let Some(held) = held.filter(|held| *held >= row.timestamp) {
                        row.timestamp.time = held.time + 1;
                    }
                }
            }
            Fault::TakesEmptyForDeleted => {
                rows.iter_mut()
                    .for_each(|row| row.value = row.value.take().filter(|value| !value.is_empty()));
            }
            Fault::WritesRowByRow => {
                for row in rows {
                    self.inner.write(tablet, Arc::clone(&guard), vec![row]).await?;
                    tokio::task::yield_now().await;
                }
                return Ok(());
            }
            _ => {}
        }
        self.inner.write(tablet, guard, rows).await
    }

    async fn read(&self, tablet: TabletId, mut keys: Vec<Bytes>) -> Result<Vec<Option<Row>>, EngineError> {
        if self.has(Fault::SortsAnswers) {
            keys.sort();
        }
        let rows = self.inner.read(self.tablet(tablet), keys).await?;
        Ok(rows
            .into_iter()
            .map(|row| row.and_then(|row| self.shown(row)))
            .collect())
    }

    async fn scan(
        &self,
        tablet: TabletId,
        after: Option<Bytes>,
        rows_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<Row>, EngineError> {
        let rows_max = if self.has(Fault::IgnoresRowsMax) {
            usize::MAX
        } else {
            rows_max
        };
        let bytes_max = if self.has(Fault::IgnoresBytesMax) {
            usize::MAX
        } else {
            bytes_max
        };
        let after = after.filter(|_| !self.has(Fault::ScansFromTheStart));
        let rows = self
            .inner
            .scan(self.tablet(tablet), after, rows_max, bytes_max)
            .await?;
        Ok(rows.into_iter().filter_map(|row| self.shown(row)).collect())
    }

    async fn tombstones(
        &self,
        tablet: TabletId,
        floor: u64,
        after: Option<Bytes>,
        rows_max: usize,
    ) -> Result<Vec<Row>, EngineError> {
        let floor = if self.has(Fault::IgnoresTheFloor) {
            u64::MAX
        } else {
            floor
        };
        self.inner
            .tombstones(self.tablet(tablet), floor, after, rows_max)
            .await
    }

    async fn purge(&self, tablet: TabletId, guard: SharedGuard, floor: u64) -> Result<u64, EngineError> {
        let floor = match self.fault {
            Fault::PurgesAll => u64::MAX,
            Fault::PurgesNothing => 0,
            _ => floor,
        };
        self.inner
            .purge(self.tablet(tablet), self.guard(guard), floor)
            .await
    }

    async fn remove(&self, tablet: TabletId, guard: SharedGuard) -> Result<(), EngineError> {
        if self.has(Fault::RemovesNothing) {
            return Ok(guard.check()?);
        }
        self.inner.remove(self.tablet(tablet), self.guard(guard)).await
    }

    async fn tablets(&self) -> Result<Vec<TabletId>, EngineError> {
        let mut tablets = self.inner.tablets().await?;
        if self.has(Fault::ForgetsStagedTablets) {
            let staged = self.inner.staged().await?;
            tablets.retain(|tablet| staged.iter().all(|(unit, _)| unit.as_u64() != tablet.as_u64()));
        }
        Ok(tablets)
    }

    async fn latest_time(&self) -> Result<u64, EngineError> {
        if self.has(Fault::ForgetsTime) {
            Ok(0)
        } else {
            self.inner.latest_time().await
        }
    }
}

#[async_trait]
impl SourceEngine for Faulty {
    async fn snapshot(
        &self,
        unit: UnitId,
        guard: SharedGuard,
        from: Option<Position>,
    ) -> Result<Box<dyn Scan>, EngineError> {
        let scan = self.inner.snapshot(unit, self.guard(guard), from.clone()).await?;
        if !self.has(Fault::SnapshotsLive) {
            return Ok(scan);
        }
        Ok(Box::new(LiveScan {
            inner: self.inner.clone(),
            unit,
            from,
        }))
    }
}

/// A scan that takes a new snapshot for every batch.
#[derive(Debug)]
struct LiveScan {
    inner: MemoryEngine,
    unit: UnitId,
    from: Option<Position>,
}

#[async_trait]
impl Scan for LiveScan {
    async fn next(&mut self, bytes_max: usize) -> Result<Option<Batch>, EngineError> {
        let mut scan = self
            .inner
            .snapshot(self.unit, unfenced(), self.from.clone())
            .await?;
        let batch = scan.next(bytes_max).await?;
        self.from = batch.as_ref().map(|batch| batch.last.clone());
        Ok(batch)
    }
}

#[async_trait]
impl TargetEngine for Faulty {
    async fn staging(
        &self,
        unit: UnitId,
        session: SessionId,
        guard: SharedGuard,
    ) -> Result<Box<dyn Staging>, EngineError> {
        let inner = self.inner.staging(unit, session, self.guard(guard)).await?;
        Ok(Box::new(FaultyStaging {
            engine: self.clone(),
            tablet: TabletId::new(unit.as_u64()),
            inner,
        }))
    }

    async fn discard(&self, unit: UnitId, session: SessionId) -> Result<(), EngineError> {
        self.inner.discard(unit, session).await
    }

    async fn staged(&self) -> Result<Vec<(UnitId, SessionId)>, EngineError> {
        self.inner.staged().await
    }
}

#[derive(Debug)]
struct FaultyStaging {
    engine: Faulty,
    tablet: TabletId,
    inner: Box<dyn Staging>,
}

#[async_trait]
impl Staging for FaultyStaging {
    async fn attached(&self) -> Result<bool, EngineError> {
        self.inner.attached().await
    }

    async fn position(&self, source: PeerId) -> Result<Option<Position>, EngineError> {
        self.inner.position(source).await
    }

    async fn stage(&self, guard: SharedGuard, source: PeerId, batch: Batch) -> Result<(), EngineError> {
        match self.engine.fault {
            Fault::ShowsStaged => {
                let rows = share_rows(&batch.payload).unwrap_or_default();
                self.engine.inner.write(self.tablet, guard, rows).await
            }
            Fault::AcceptsAnyBatch => {
                let result = self.inner.stage(guard, source, batch).await;
                if matches!(result, Err(EngineError::Decode(_))) {
                    Ok(())
                } else {
                    result
                }
            }
            _ => self.inner.stage(guard, source, batch).await,
        }
    }

    async fn sync(&self, guard: SharedGuard) -> Result<(), EngineError> {
        self.inner.sync(guard).await
    }

    async fn attach(&self, guard: SharedGuard) -> Result<(), EngineError> {
        self.inner.attach(guard).await
    }
}

async fn fails<F: Future<Output = ()> + Send + 'static>(fault: Fault, case: fn(Arc<Faulty>) -> F) {
    let engine = Arc::new(Faulty {
        inner: MemoryEngine::new(),
        fault,
    });
    let ended = tokio::spawn(case(engine)).await;
    assert!(
        ended.is_err_and(|error| error.is_panic()),
        "{fault:?} was not found"
    );
}

macro_rules! found {
    ($($test:ident: $fault:ident by $case:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                fails(Fault::$fault, |engine| async move { conformance::$case(&*engine).await }).await;
            }
        )*
    };
}

found! {
    forgetting_is_found: ForgetsOnClose by rows_outlive_the_engine,
    the_later_write_is_found: LaterWriteWins by later_rows_replace_earlier_ones,
    a_race_is_found: LaterWriteWins by the_latest_writer_wins_a_race,
    hidden_tombstones_are_found: HidesTombstones by tombstones_and_empty_values_are_rows,
    an_empty_value_is_found: TakesEmptyForDeleted by tombstones_and_empty_values_are_rows,
    sorted_answers_are_found: SortsAnswers by reads_answer_in_the_order_of_the_keys,
    half_a_batch_is_found: WritesRowByRow by batches_are_written_in_one_step,
    mixed_tablets_are_found: OneTabletForAll by tablets_are_apart,
    too_many_rows_are_found: IgnoresRowsMax by pages_make_up_the_tablet,
    too_many_bytes_are_found: IgnoresBytesMax by pages_keep_their_limits,
    a_page_again_is_found: ScansFromTheStart by pages_make_up_the_tablet,
    tombstones_over_the_floor_are_found: IgnoresTheFloor by tombstones_come_up_to_the_floor,
    a_purge_of_all_is_found: PurgesAll by a_purge_drops_tombstones_up_to_the_floor,
    a_purge_of_nothing_is_found: PurgesNothing by a_purge_drops_tombstones_up_to_the_floor,
    what_is_not_removed_is_found: RemovesNothing by removal_leaves_nothing,
    staged_tablets_are_found: ForgetsStagedTablets by staged_rows_are_hidden,
    a_lost_time_is_found: ForgetsTime by the_latest_time_is_known,
    ignored_guards_are_found: IgnoresGuards by a_closed_guard_changes_nothing,
    a_live_snapshot_is_found: SnapshotsLive by snapshots_show_one_moment,
    visible_staging_is_found: ShowsStaged by staged_rows_are_hidden,
    any_batch_is_found: AcceptsAnyBatch by what_is_no_batch_is_refused,
}
