//! A node's data in memory, with a staging area that a test can hold inside the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_guard::{SessionId, SharedGuard, Unfenced};
use tidegate_kv::{MemoryEngine, Row, RowStore, Timestamp};
use tidegate_replica::Storage;
use tidegate_streaming::{Batch, EngineError, Position, Scan, SourceEngine, Staging, TargetEngine, UnitId};
use tidegate_tablets::{NodeId, TabletId};
use tidegate_transport::PeerId;
use tokio::sync::watch;

/// The engines of all nodes of a test.
pub(crate) type Engines = Arc<Mutex<BTreeMap<NodeId, Arc<MemoryEngine>>>>;

/// A node's data in memory.
#[derive(Debug)]
pub(crate) struct TestData {
    pub(crate) engine: Arc<MemoryEngine>,
    engines: Engines,
    pub(crate) clock: AtomicU64,
    /// While true, an attach that has started inside the engine does not end.
    pub(crate) hold_attach: watch::Sender<bool>,
    /// Attaches that have started inside the engine.
    pub(crate) attaching: watch::Sender<u32>,
    /// The next discard panics.
    pub(crate) discard_panics: AtomicBool,
}

impl TestData {
    pub(crate) fn new(node: NodeId, engines: &Engines) -> Arc<Self> {
        let engine = Arc::new(MemoryEngine::new());
        engines.lock().unwrap().insert(node, Arc::clone(&engine));
        Self::with_engine(engine, engines)
    }

    /// The data of a node that starts again.
    pub(crate) fn with_engine(engine: Arc<MemoryEngine>, engines: &Engines) -> Arc<Self> {
        Arc::new(Self {
            engine,
            engines: Arc::clone(engines),
            clock: AtomicU64::new(0),
            hold_attach: watch::Sender::new(false),
            attaching: watch::Sender::new(0),
            discard_panics: AtomicBool::new(false),
        })
    }

    pub(crate) async fn put(&self, tablet: TabletId, key: &str, time: u64, value: Option<&str>) {
        let row = Row {
            key: Bytes::copy_from_slice(key.as_bytes()),
            timestamp: Timestamp {
                time,
                node: 0,
                start: 0,
            },
            value: value.map(|value| Bytes::copy_from_slice(value.as_bytes())),
        };
        self.engine
            .write(tablet, Arc::new(Unfenced), vec![row])
            .await
            .unwrap();
    }

    /// All rows of a tablet: key, and value unless it is a tombstone.
    pub(crate) async fn rows(&self, tablet: TabletId) -> Vec<(String, Option<String>)> {
        let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        let rows = self.engine.scan(tablet, None, 10_000, 1 << 30).await.unwrap();
        rows.iter()
            .map(|row| (text(&row.key), row.value.as_ref().map(text)))
            .collect()
    }

    pub(crate) async fn staged(&self) -> usize {
        self.engine.staged().await.unwrap().len()
    }
}

#[async_trait]
impl SourceEngine for TestData {
    async fn snapshot(
        &self,
        unit: UnitId,
        guard: SharedGuard,
        from: Option<Position>,
    ) -> Result<Box<dyn Scan>, EngineError> {
        self.engine.snapshot(unit, guard, from).await
    }
}

#[async_trait]
impl TargetEngine for TestData {
    async fn staging(
        &self,
        unit: UnitId,
        session: SessionId,
        guard: SharedGuard,
    ) -> Result<Box<dyn Staging>, EngineError> {
        let inner = self.engine.staging(unit, session, guard).await?;
        Ok(Box::new(HeldStaging {
            inner,
            hold: self.hold_attach.subscribe(),
            attaching: self.attaching.clone(),
        }))
    }

    async fn discard(&self, unit: UnitId, session: SessionId) -> Result<(), EngineError> {
        assert!(
            !self.discard_panics.swap(false, Ordering::SeqCst),
            "as it was told"
        );
        self.engine.discard(unit, session).await
    }

    async fn staged(&self) -> Result<Vec<(UnitId, SessionId)>, EngineError> {
        self.engine.staged().await
    }
}

#[async_trait]
impl Storage for TestData {
    fn raise_clock(&self, floor: u64) {
        self.clock.fetch_max(floor + 1, Ordering::SeqCst);
    }

    async fn remove(&self, tablet: TabletId, guard: SharedGuard) -> Result<(), EngineError> {
        self.engine.remove(tablet, guard).await
    }

    async fn fill(
        &self,
        tablet: TabletId,
        _session: SessionId,
        guard: SharedGuard,
        floor: u64,
        peers: BTreeSet<NodeId>,
    ) -> Result<(), EngineError> {
        for peer in peers {
            let peer = Arc::clone(&self.engines.lock().unwrap()[&peer]);
            let tombstones = peer.tombstones(tablet, floor, None, 10_000).await?;
            self.engine.write(tablet, Arc::clone(&guard), tombstones).await?;
        }
        Ok(())
    }

    async fn purge(&self, tablet: TabletId, guard: SharedGuard, floor: u64) -> Result<(), EngineError> {
        self.engine.purge(tablet, guard, floor).await.map(drop)
    }

    async fn tablets(&self) -> Result<Vec<TabletId>, EngineError> {
        self.engine.tablets().await
    }
}

#[derive(Debug)]
struct HeldStaging {
    inner: Box<dyn Staging>,
    hold: watch::Receiver<bool>,
    attaching: watch::Sender<u32>,
}

#[async_trait]
impl Staging for HeldStaging {
    async fn attached(&self) -> Result<bool, EngineError> {
        self.inner.attached().await
    }

    async fn position(&self, source: PeerId) -> Result<Option<Position>, EngineError> {
        self.inner.position(source).await
    }

    async fn stage(&self, guard: SharedGuard, source: PeerId, batch: Batch) -> Result<(), EngineError> {
        self.inner.stage(guard, source, batch).await
    }

    async fn sync(&self, guard: SharedGuard) -> Result<(), EngineError> {
        self.inner.sync(guard).await
    }

    async fn attach(&self, guard: SharedGuard) -> Result<(), EngineError> {
        // Inside the engine: it listens to nobody, and has looked at the guard already.
        guard.check()?;
        self.attaching.send_modify(|count| *count += 1);
        let mut hold = self.hold.clone();
        let _ = hold.wait_for(|hold| !hold).await;
        self.inner.attach(guard).await
    }
}
