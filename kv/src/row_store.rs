//! What the store needs of an engine beside what streaming needs.

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_guard::SharedGuard;
use tidegate_streaming::{EngineError, SourceEngine, TargetEngine};
use tidegate_tablets::TabletId;

use crate::{Row, Timestamp};

/// About how much is held of a tablet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TabletSize {
    /// Rows, tombstones counted.
    pub rows: u64,
    /// Bytes of their keys and values, or what they take on disk.
    pub bytes: u64,
}

/// An engine that holds rows per tablet: one version per key, the latest written, merged by timestamp.
///
/// A tablet's unit is [`UnitId::new`](tidegate_streaming::UnitId::new) of its number. Every write is merged: a row
/// that is not later than the one held changes nothing. Every call that writes is durable when it returns.
#[async_trait]
pub trait RowStore: SourceEngine + TargetEngine {
    /// Merges rows, in one step for crashes and for readers. `guard` is checked right before it takes effect: a
    /// request's writes come under the metadata guard that admitted it.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    async fn write(&self, tablet: TabletId, guard: SharedGuard, rows: Vec<Row>) -> Result<(), EngineError>;

    /// The rows of some keys, in the order of the keys; tombstones are rows.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    async fn read(&self, tablet: TabletId, keys: Vec<Bytes>) -> Result<Vec<Option<Row>>, EngineError>;

    /// When the rows of some keys were written, in the order of the keys, tombstones counted. An engine that can
    /// tell without touching the values does.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    async fn latest(
        &self,
        tablet: TabletId,
        keys: Vec<Bytes>,
    ) -> Result<Vec<Option<Timestamp>>, EngineError> {
        let rows = self.read(tablet, keys).await?;
        Ok(rows.into_iter().map(|row| row.map(|row| row.timestamp)).collect())
    }

    /// Rows in key order, tombstones among them, from just after `after`: at most `rows_max`, and about
    /// `bytes_max` bytes (one row at least). An empty answer is the end.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    async fn scan(
        &self,
        tablet: TabletId,
        after: Option<Bytes>,
        rows_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<Row>, EngineError>;

    /// Tombstones in key order whose time is not later than `floor`, from just after `after`, at most `rows_max`.
    /// An empty answer is the end.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    async fn tombstones(
        &self,
        tablet: TabletId,
        floor: u64,
        after: Option<Bytes>,
        rows_max: usize,
    ) -> Result<Vec<Row>, EngineError>;

    /// Drops the tombstones whose time is not later than `floor`; answers how many.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    async fn purge(&self, tablet: TabletId, guard: SharedGuard, floor: u64) -> Result<u64, EngineError>;

    /// Removes all that is held of the tablet: rows, attached and staged data, positions, marks; after a crash
    /// they do not come back.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    async fn remove(&self, tablet: TabletId, guard: SharedGuard) -> Result<(), EngineError>;

    /// The tablets of which anything is held, staged data counted, in order.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    async fn tablets(&self) -> Result<Vec<TabletId>, EngineError>;

    /// About how much is held of a tablet, what is staged not counted. An engine that can estimate it without reading
    /// everything does.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    async fn size(&self, tablet: TabletId) -> Result<TabletSize, EngineError> {
        let mut size = TabletSize::default();
        let mut after = None;
        loop {
            let page = self.scan(tablet, after, 1024, 1 << 20).await?;
            let Some(last) = page.last() else { return Ok(size) };
            after = Some(last.key.clone());
            size.rows += page.len() as u64;
            size.bytes += page.iter().map(Row::bytes).sum::<u64>();
        }
    }

    /// The latest time of any row held, staged ones counted: they may be attached at any time. The clock starts
    /// above it.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    async fn latest_time(&self) -> Result<u64, EngineError>;
}
