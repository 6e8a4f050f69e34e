//! What a replica needs of this store.

#[cfg(tidegate_mutants)]
mod spoil;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use thiserror::Error;
use tidegate_guard::{Rejected, SessionId, SharedGuard};
use tidegate_replica::Storage;
use tidegate_streaming::{Batch, EngineError, Position, Scan, SourceEngine, Staging, TargetEngine, UnitId};
use tidegate_tablets::{NodeId, TabletId};
use tidegate_transport::rpc::{self, RpcError};
use tidegate_transport::{PeerId, Transport};

use crate::service::KV_SERVICE;
use crate::wire::{Answer, Refusal, WireError, encode_tombstones};
use crate::{HybridClock, KvConfig, Row, RowStore, decode_rows};

/// What a replica needs of this store: its engine, with the node's clock never behind what the engine accepts.
#[derive(Debug)]
pub struct KvStorage {
    store: Arc<dyn RowStore>,
    clock: Arc<HybridClock>,
    transport: Arc<dyn Transport>,
    page_deadline: Duration,
    page_rows_max: usize,
    #[cfg(tidegate_mutants)]
    kept: spoil::Kept,
}

/// Why a replica could not get the tombstones that it lacks: it is to be tried again.
#[derive(Debug, Error)]
enum FillError {
    #[error("node {0} did not answer")]
    Call(NodeId, #[source] RpcError),
    #[error("node {0} refused")]
    Refused(NodeId, #[source] Refusal),
    #[error("node {0} answered what cannot be decoded")]
    Wire(NodeId, #[source] WireError),
    #[error("node {0} answered another question")]
    Protocol(NodeId),
}

impl KvStorage {
    /// The storage of a node: its engine, whose latest time the clock is set above, and its way to the others.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the engine cannot tell its latest time.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn open(
        store: Arc<dyn RowStore>,
        clock: Arc<HybridClock>,
        transport: Arc<dyn Transport>,
        config: &KvConfig,
    ) -> Result<Self, EngineError> {
        clock.raise_above(store.latest_time().await?);
        Ok(Self {
            store,
            clock,
            transport,
            page_deadline: config.page_deadline,
            page_rows_max: config.page_rows_max.max(1),
            #[cfg(tidegate_mutants)]
            kept: spoil::Kept::default(),
        })
    }

    /// A page of a peer's tombstones.
    async fn page(
        &self,
        peer: NodeId,
        (tablet, session, floor): (TabletId, SessionId, u64),
        after: Option<&Bytes>,
    ) -> Result<Vec<Row>, FillError> {
        let request = encode_tombstones(tablet, session, floor, after);
        let (transport, id) = (&*self.transport, PeerId::new(peer.as_u64()));
        let answer = rpc::call_one(transport, id, KV_SERVICE, request, self.page_deadline)
            .await
            .map_err(|error| FillError::Call(peer, error))?;
        match Answer::decode(&answer, self.page_rows_max).map_err(|error| FillError::Wire(peer, error))? {
            Answer::Rows { clock, rows } => {
                self.clock.observe(clock);
                let mut keys = after.into_iter().chain(rows.iter().map(|row| &row.key));
                let sound = rows
                    .iter()
                    .all(|row| row.value.is_none() && row.timestamp.time <= floor);
                if sound && keys.by_ref().is_sorted_by(|a, b| a < b) {
                    return Ok(rows);
                }
                Err(FillError::Protocol(peer))
            }
            Answer::Refused(refusal) => Err(FillError::Refused(peer, refusal)),
            _ => Err(FillError::Protocol(peer)),
        }
    }

    async fn fill_from(
        &self,
        peer: NodeId,
        (tablet, session, floor): (TabletId, SessionId, u64),
        guard: &SharedGuard,
    ) -> Result<(), EngineError> {
        let mut after: Option<Bytes> = None;
        loop {
            guard.check()?;
            let page = tokio::select! {
                biased;
                () = guard.closing() => return Err(Rejected::Closing.into()),
                page = self.page(peer, (tablet, session, floor), after.as_ref()) => page,
            };
            let page = page.map_err(|error| EngineError::Failed(Box::new(error)))?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.key.clone());
            self.merge(tablet, guard, page).await?;
            guard.progress("fill");
        }
    }

    /// Merges a page in a task that owns a guard, so that it is covered to its end.
    async fn merge(&self, tablet: TabletId, guard: &SharedGuard, page: Vec<Row>) -> Result<(), EngineError> {
        let (store, guard) = (Arc::clone(&self.store), Arc::clone(guard));
        let task = tokio::spawn(async move {
            let result = store.write(tablet, Arc::clone(&guard), page).await;
            drop(guard);
            result
        });
        task.await
            .unwrap_or_else(|error| Err(EngineError::Failed(Box::new(error))))
    }
}

#[async_trait]
impl Storage for KvStorage {
    fn raise_clock(&self, floor: u64) {
        self.clock.raise_above(floor);
    }

    async fn remove(&self, tablet: TabletId, guard: SharedGuard) -> Result<(), EngineError> {
        self.store.remove(tablet, guard).await
    }

    async fn fill(
        &self,
        tablet: TabletId,
        session: SessionId,
        guard: SharedGuard,
        floor: u64,
        peers: BTreeSet<NodeId>,
    ) -> Result<(), EngineError> {
        for peer in peers {
            self.fill_from(peer, (tablet, session, floor), &guard).await?;
        }
        Ok(())
    }

    async fn purge(&self, tablet: TabletId, guard: SharedGuard, floor: u64) -> Result<(), EngineError> {
        self.store.purge(tablet, guard, floor).await.map(|_| ())
    }

    async fn tablets(&self) -> Result<Vec<TabletId>, EngineError> {
        self.store.tablets().await
    }
}

#[async_trait]
impl SourceEngine for KvStorage {
    async fn snapshot(
        &self,
        unit: UnitId,
        guard: SharedGuard,
        from: Option<Position>,
    ) -> Result<Box<dyn Scan>, EngineError> {
        self.store.snapshot(unit, guard, from).await
    }
}

#[async_trait]
impl TargetEngine for KvStorage {
    async fn staging(
        &self,
        unit: UnitId,
        session: SessionId,
        guard: SharedGuard,
    ) -> Result<Box<dyn Staging>, EngineError> {
        let staging = self.store.staging(unit, session, guard).await?;
        Ok(Box::new(ClockedStaging {
            staging,
            clock: Arc::clone(&self.clock),
            #[cfg(tidegate_mutants)]
            kept: (Arc::clone(&self.kept), unit, session),
        }))
    }

    async fn discard(&self, unit: UnitId, session: SessionId) -> Result<(), EngineError> {
        self.store.discard(unit, session).await
    }

    async fn staged(&self) -> Result<Vec<(UnitId, SessionId)>, EngineError> {
        self.store.staged().await
    }
}

/// A staging area that shows the node's clock what it takes in, and takes in only what is as announced.
#[derive(Debug)]
struct ClockedStaging {
    staging: Box<dyn Staging>,
    clock: Arc<HybridClock>,
    #[cfg(tidegate_mutants)]
    kept: (spoil::Kept, UnitId, SessionId),
}

#[async_trait]
impl Staging for ClockedStaging {
    async fn attached(&self) -> Result<bool, EngineError> {
        self.staging.attached().await
    }

    async fn position(&self, source: PeerId) -> Result<Option<Position>, EngineError> {
        #[cfg(tidegate_mutants)]
        if tidegate_mutants::on("resume-across-sessions") {
            let own = self.staging.position(source).await?;
            return Ok(own.or_else(|| self.kept(source)));
        }
        self.staging.position(source).await
    }

    async fn stage(&self, guard: SharedGuard, source: PeerId, batch: Batch) -> Result<(), EngineError> {
        self.clock.observe(latest_of(&batch)?);
        #[cfg(tidegate_mutants)]
        let batch = self.spoil(&guard, source, batch).await?;
        self.staging.stage(guard, source, batch).await
    }

    async fn sync(&self, guard: SharedGuard) -> Result<(), EngineError> {
        self.staging.sync(guard).await
    }

    async fn attach(&self, guard: SharedGuard) -> Result<(), EngineError> {
        self.staging.attach(guard).await
    }
}

/// The latest time in a batch whose rows are as many as it says, and whose position is that of its last row: the
/// next pull goes on behind it, and no source may make it skip rows.
fn latest_of(batch: &Batch) -> Result<u64, EngineError> {
    let rows = decode_rows(&batch.payload).map_err(|error| EngineError::Decode(error.to_string()))?;
    let (count, announced) = (rows.len(), batch.rows as usize);
    if count != announced {
        let error = format!("{count} rows where {announced} were announced");
        return Err(EngineError::Decode(error));
    }
    let (mut latest, mut last) = (0, None);
    for row in rows {
        latest = latest.max(row.timestamp.time);
        last = Some(row.key);
    }
    if last == Some(&*batch.last.0) {
        Ok(latest)
    } else {
        Err(EngineError::Decode(
            "a position that is not the last row's".to_owned(),
        ))
    }
}
