//! Data without an end, and calls into the engine that take as long as the case says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_guard::{SessionId, SharedGuard};
use tidegate_replica::Storage;
use tidegate_streaming::{Batch, EngineError, Position, Scan, SourceEngine, Staging, TargetEngine, UnitId};
use tidegate_tablets::{NodeId, TabletId};
use tidegate_transport::PeerId;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

/// How an engine takes a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taking {
    /// At once.
    AtOnce,
    /// On a thread of its own, as long as this.
    Within(Duration),
    /// When [`Script::release`] says so.
    Held,
}

/// What all engines of a cluster follow, and where they tell what they do.
#[derive(Debug)]
pub(super) struct Script {
    taking: Taking,
    batch: Bytes,
    released: watch::Sender<bool>,
    seen: watch::Sender<Seen>,
    ends: Mutex<BTreeMap<u64, Instant>>,
}

/// What has happened so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// Batches read by sources.
    pub(super) read: u64,
    /// Batches whose staging has begun: of each session, and in all.
    pub(super) staged: BTreeMap<SessionId, u64>,
    pub(super) calls: u64,
}

impl Script {
    pub(super) fn new(taking: Taking) -> Arc<Self> {
        Arc::new(Self {
            taking,
            batch: Bytes::from(vec![7; 256 << 10]),
            released: watch::Sender::new(false),
            seen: watch::Sender::default(),
            ends: Mutex::default(),
        })
    }

    pub(super) fn seen(&self) -> watch::Receiver<Seen> {
        self.seen.subscribe()
    }

    /// Lets those calls end that are held, or holds those to come.
    pub(super) fn release(&self, is_released: bool) {
        self.released.send_replace(is_released);
    }

    /// When the call of that number ended, if it has.
    pub(super) fn end_of(&self, call: u64) -> Option<Instant> {
        self.ends().get(&call).copied()
    }

    /// Forgets the sessions and calls before.
    pub(super) fn forget(&self) {
        self.ends().clear();
        self.seen.send_modify(|seen| seen.staged.clear());
    }

    fn ends(&self) -> MutexGuard<'_, BTreeMap<u64, Instant>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The storage of one node.
#[derive(Debug)]
pub(super) struct Scripted(pub(super) Arc<Script>);

#[derive(Debug)]
struct Endless {
    script: Arc<Script>,
    next: u64,
}

#[derive(Debug)]
struct Area {
    script: Arc<Script>,
    session: SessionId,
}

#[async_trait]
impl SourceEngine for Scripted {
    async fn snapshot(
        &self,
        _: UnitId,
        guard: SharedGuard,
        _: Option<Position>,
    ) -> Result<Box<dyn Scan>, EngineError> {
        guard.check()?;
        let script = Arc::clone(&self.0);
        Ok(Box::new(Endless { script, next: 0 }))
    }
}

#[async_trait]
impl Scan for Endless {
    async fn next(&mut self, bytes_max: usize) -> Result<Option<Batch>, EngineError> {
        self.next += 1;
        self.script.seen.send_modify(|seen| seen.read += 1);
        let payload = self.script.batch.slice(..bytes_max.min(self.script.batch.len()));
        let last = Position(Bytes::copy_from_slice(&self.next.to_be_bytes()));
        Ok(Some(Batch {
            payload,
            rows: 1,
            last,
        }))
    }
}

#[async_trait]
impl TargetEngine for Scripted {
    async fn staging(
        &self,
        _: UnitId,
        session: SessionId,
        guard: SharedGuard,
    ) -> Result<Box<dyn Staging>, EngineError> {
        guard.check()?;
        let script = Arc::clone(&self.0);
        Ok(Box::new(Area { script, session }))
    }

    async fn discard(&self, _: UnitId, _: SessionId) -> Result<(), EngineError> {
        Ok(())
    }

    async fn staged(&self) -> Result<Vec<(UnitId, SessionId)>, EngineError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Staging for Area {
    async fn attached(&self) -> Result<bool, EngineError> {
        Ok(false)
    }

    async fn position(&self, _: PeerId) -> Result<Option<Position>, EngineError> {
        Ok(None)
    }

    async fn stage(&self, guard: SharedGuard, _: PeerId, _: Batch) -> Result<(), EngineError> {
        guard.check()?;
        let mut call = 0;
        self.script.seen.send_modify(|seen| {
            seen.calls += 1;
            call = seen.calls;
            *seen.staged.entry(self.session).or_default() += 1;
        });
        match self.script.taking {
            Taking::AtOnce => {}
            Taking::Held => {
                let mut released = self.script.released.subscribe();
                // The script outlives its watch.
                drop(released.wait_for(|released| *released).await);
            }
            Taking::Within(time) => {
                let script = Arc::clone(&self.script);
                let work = move || {
                    thread::sleep(time);
                    script.ends().insert(call, Instant::now());
                    drop(guard);
                };
                spawn_blocking(work)
                    .await
                    .map_err(|error| EngineError::Failed(Box::new(error)))?;
            }
        }
        Ok(())
    }

    async fn sync(&self, guard: SharedGuard) -> Result<(), EngineError> {
        Ok(guard.check()?)
    }

    async fn attach(&self, guard: SharedGuard) -> Result<(), EngineError> {
        Ok(guard.check()?)
    }
}

#[async_trait]
impl Storage for Scripted {
    fn raise_clock(&self, _: u64) {}

    async fn remove(&self, _: TabletId, guard: SharedGuard) -> Result<(), EngineError> {
        Ok(guard.check()?)
    }

    async fn fill(
        &self,
        _: TabletId,
        _: SessionId,
        guard: SharedGuard,
        _: u64,
        _: BTreeSet<NodeId>,
    ) -> Result<(), EngineError> {
        Ok(guard.check()?)
    }

    async fn purge(&self, _: TabletId, guard: SharedGuard, _: u64) -> Result<(), EngineError> {
        Ok(guard.check()?)
    }

    async fn tablets(&self) -> Result<Vec<TabletId>, EngineError> {
        Ok(Vec::new())
    }
}
