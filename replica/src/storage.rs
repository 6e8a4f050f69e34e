//! What a replica needs of the store that it is part of.

use std::collections::BTreeSet;

use async_trait::async_trait;
use tidegate_guard::{SessionId, SharedGuard};
use tidegate_streaming::{EngineError, SourceEngine, TargetEngine};
use tidegate_tablets::{NodeId, TabletId};

/// What a replica needs of the store that it is part of, beside the engine contracts of streaming.
///
/// A tablet's unit is [`UnitId::new`](tidegate_streaming::UnitId::new) of its number.
#[async_trait]
pub trait Storage: SourceEngine + TargetEngine {
    /// Sets the node's clock above `floor`. Called before the metadata that names `floor` counts as applied; it
    /// must not wait.
    fn raise_clock(&self, floor: u64);

    /// Removes all that is held of the tablet: rows, attached and staged data, positions, marks; durable when it
    /// returns.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    async fn remove(&self, tablet: TabletId, guard: SharedGuard) -> Result<(), EngineError>;

    /// Gets from `peers` the tombstones up to `floor` that this replica lacks, naming `session` to them: they
    /// compare it with their own metadata. Every wait in it also watches `guard.closing()`.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    async fn fill(
        &self,
        tablet: TabletId,
        session: SessionId,
        guard: SharedGuard,
        floor: u64,
        peers: BTreeSet<NodeId>,
    ) -> Result<(), EngineError>;

    /// Drops the tombstones up to `floor`.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    async fn purge(&self, tablet: TabletId, guard: SharedGuard, floor: u64) -> Result<(), EngineError>;

    /// The tablets of which anything is held, staged data counted, in order.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    async fn tablets(&self) -> Result<Vec<TabletId>, EngineError>;
}
