//! What the suite needs of an engine's tests.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Batch, EngineError, SourceEngine, TargetEngine, UnitId};

/// A row, as the suite sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecimenRow {
    /// Its key; never empty.
    pub key: Bytes,
    /// Of two rows of a key the one with the later timestamp stays.
    pub timestamp: u64,
    /// Its value.
    pub value: Bytes,
}

impl SpecimenRow {
    /// A row.
    #[must_use]
    pub fn new(key: &str, timestamp: u64, value: &str) -> Self {
        Self {
            key: Bytes::copy_from_slice(key.as_bytes()),
            timestamp,
            value: Bytes::copy_from_slice(value.as_bytes()),
        }
    }
}

/// An engine, and how to make and read its rows. Dropped, it may remove what it stored.
#[async_trait]
pub trait Specimen: Send + Sync + fmt::Debug + 'static {
    /// The engine as a source.
    fn source(&self) -> Arc<dyn SourceEngine>;

    /// The same engine as a target.
    fn target(&self) -> Arc<dyn TargetEngine>;

    /// A batch of rows, which come in the order of their keys.
    fn batch(&self, rows: &[SpecimenRow]) -> Batch;

    /// The rows of a batch; `None` if it is none.
    fn rows(&self, batch: &Batch) -> Option<Vec<SpecimenRow>>;

    /// Writes rows beside all streams, merged by timestamp, durably.
    async fn write(&self, unit: UnitId, rows: &[SpecimenRow]) -> Result<(), EngineError>;

    /// The visible rows of a unit, in order.
    async fn read(&self, unit: UnitId) -> Result<Vec<SpecimenRow>, EngineError>;

    /// The engine after a crash: with what was durable, and maybe more. `None` for engines that keep nothing, whose
    /// cases of crashes then have nothing to show.
    async fn crash(self: Box<Self>) -> Option<Box<dyn Specimen>>;
}
