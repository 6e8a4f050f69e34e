//! Removals held up, in builds made for it.

use std::collections::BTreeSet;

use async_trait::async_trait;
use tidegate_guard::{SessionId, SharedGuard};
use tidegate_inject::Injector;
use tidegate_kv::KvStorage;
use tidegate_replica::Storage;
use tidegate_streaming::{EngineError, Position, Scan, SourceEngine, Staging, TargetEngine, UnitId};
use tidegate_tablets::{NodeId, TabletId};

/// A removal that has its guard, and has removed nothing.
const BEFORE_REMOVE: &str = "node::before_remove";
/// A removal that is durable, and not answered.
const AFTER_REMOVE: &str = "node::after_remove";

/// The storage as the replica sees it: while one of the points is on, a removal stays there until its session closes.
#[derive(Debug)]
pub(super) struct HeldStorage {
    inner: KvStorage,
    injector: Injector,
}

impl HeldStorage {
    pub(super) const fn new(inner: KvStorage, injector: Injector) -> Self {
        Self { inner, injector }
    }
}

#[async_trait]
impl Storage for HeldStorage {
    fn raise_clock(&self, floor: u64) {
        self.inner.raise_clock(floor);
    }

    async fn remove(&self, tablet: TabletId, guard: SharedGuard) -> Result<(), EngineError> {
        self.injector.hold(BEFORE_REMOVE, guard.closing()).await;
        self.inner.remove(tablet, SharedGuard::clone(&guard)).await?;
        self.injector.hold(AFTER_REMOVE, guard.closing()).await;
        Ok(())
    }

    async fn fill(
        &self,
        tablet: TabletId,
        session: SessionId,
        guard: SharedGuard,
        floor: u64,
        peers: BTreeSet<NodeId>,
    ) -> Result<(), EngineError> {
        self.inner.fill(tablet, session, guard, floor, peers).await
    }

    async fn purge(&self, tablet: TabletId, guard: SharedGuard, floor: u64) -> Result<(), EngineError> {
        self.inner.purge(tablet, guard, floor).await
    }

    async fn tablets(&self) -> Result<Vec<TabletId>, EngineError> {
        self.inner.tablets().await
    }
}

#[async_trait]
impl SourceEngine for HeldStorage {
    async fn snapshot(
        &self,
        unit: UnitId,
        guard: SharedGuard,
        from: Option<Position>,
    ) -> Result<Box<dyn Scan>, EngineError> {
        self.inner.snapshot(unit, guard, from).await
    }
}

#[async_trait]
impl TargetEngine for HeldStorage {
    async fn staging(
        &self,
        unit: UnitId,
        session: SessionId,
        guard: SharedGuard,
    ) -> Result<Box<dyn Staging>, EngineError> {
        self.inner.staging(unit, session, guard).await
    }

    async fn discard(&self, unit: UnitId, session: SessionId) -> Result<(), EngineError> {
        self.inner.discard(unit, session).await
    }

    async fn staged(&self) -> Result<Vec<(UnitId, SessionId)>, EngineError> {
        self.inner.staged().await
    }
}
