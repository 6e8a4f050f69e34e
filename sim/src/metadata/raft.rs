//! The product's metadata log in a run: its stores on disks in memory, over the network of the run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidegate_raft::{MemoryDisk, Observer, RaftConfig, RaftStore, StartError, seed_elections};
use tidegate_tablets::{Decided, Metadata, NodeId, Version};
use tidegate_transport::Transport;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::RaftHandle;
use super::ledger::{Entry, Ledger};
use crate::cluster::{Ground, Witness, configs};
use crate::event::{Event, FaultKind};
use crate::plan::Plan;
use crate::recorder::Recorder;

/// The name under which two nodes that have not the same log are told of.
const SAME_LOG: &str = "raft-same-log";

/// The product's metadata log, and what is known of it from outside.
#[derive(Debug)]
pub(crate) struct RaftLog {
    config: RaftConfig,
    recorder: Recorder,
    inner: Mutex<Inner>,
    decided: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    ledger: Ledger,
    disks: BTreeMap<NodeId, MemoryDisk>,
    flights_begun: u64,
    /// Proposals under way; and those of unknown outcome, until when they may still be decided.
    flights: BTreeMap<u64, Option<Instant>>,
}

impl RaftLog {
    /// A log that nobody has founded. Decides the elections of this thread.
    pub(super) fn new(plan: &Plan, recorder: Recorder) -> Arc<Self> {
        seed_elections(plan.seed);
        Arc::new(Self {
            config: configs::raft(plan),
            recorder,
            inner: Mutex::default(),
            decided: Notify::new(),
        })
    }

    /// Starts a node's store from what its disk holds.
    pub(crate) async fn start(
        self: &Arc<Self>,
        id: NodeId,
        transport: Arc<dyn Transport>,
        witness: Witness,
        ground: Arc<Ground>,
    ) -> Result<Arc<RaftHandle>, StartError> {
        let disk = self.lock().disks.entry(id).or_default().clone();
        let looker = Arc::new(Looker {
            log: Arc::clone(self),
            witness,
            ground,
            started: AtomicBool::new(false),
        });
        let observer = Arc::clone(&looker) as Arc<dyn Observer>;
        let store =
            RaftStore::start_observed(self.config.clone(), transport, Arc::new(disk), observer).await?;
        looker.started.store(true, Ordering::Relaxed);
        Ok(RaftHandle::new(store, Arc::clone(self)))
    }

    /// A node's disk loses what is not durable; what its store does from here on reaches it no more.
    pub(crate) fn crash(&self, id: NodeId) {
        let mut inner = self.lock();
        if let Some(disk) = inner.disks.get_mut(&id) {
            *disk = disk.crash();
        }
    }

    pub(super) fn newest(&self) -> Arc<Metadata> {
        Arc::clone(self.lock().ledger.newest())
    }

    pub(super) async fn decided(&self) {
        self.decided.notified().await;
    }

    /// Whether nothing is to be decided any more, with these nodes up.
    pub(crate) fn is_idle<'a>(&self, up: impl Iterator<Item = &'a Arc<RaftHandle>>) -> bool {
        let now = Instant::now();
        let newest = {
            let mut inner = self.lock();
            inner
                .flights
                .retain(|_, until| until.is_none_or(|until| until > now));
            if !inner.flights.is_empty() {
                return false;
            }
            inner.ledger.newest().version
        };
        let mut lasts = BTreeSet::new();
        let all = up.map(|handle| handle.raft().status()).all(|status| {
            lasts.insert(status.last);
            status.version == newest && status.applied == status.last && status.leader.is_some()
        });
        all && lasts.len() <= 1
    }

    pub(super) fn launch(self: &Arc<Self>) -> Flight {
        let mut inner = self.lock();
        inner.flights_begun += 1;
        let id = inner.flights_begun;
        inner.flights.insert(id, None);
        Flight {
            log: Arc::clone(self),
            id,
            landed: false,
        }
    }

    /// How long after its proposer was told that the outcome is unknown a proposal may still reach a leader.
    fn late_max(&self) -> Duration {
        self.config.propose_deadline + self.config.call_deadline * 2
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing under the lock panics, so a poisoned lock guards a whole state.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A proposal that is under way.
#[derive(Debug)]
pub(super) struct Flight {
    log: Arc<RaftLog>,
    id: u64,
    landed: bool,
}

impl Flight {
    /// Its outcome is known.
    pub(super) fn landed(mut self) {
        self.landed = true;
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let until = Instant::now() + self.log.late_max();
        let mut inner = self.log.lock();
        if self.landed {
            inner.flights.remove(&self.id);
        } else {
            inner.flights.insert(self.id, Some(until));
        }
    }
}

/// Looks on while a node applies the log.
#[derive(Debug)]
struct Looker {
    log: Arc<RaftLog>,
    witness: Witness,
    ground: Arc<Ground>,
    /// Until then it takes up what its disk has.
    started: AtomicBool,
}

impl Observer for Looker {
    fn decided(&self, after: &Metadata, decided: &Decided) {
        // Of one that has crashed too: what it applies was decided.
        let entry = self.log.lock().ledger.enter(after, decided);
        match entry {
            Entry::Known => {}
            Entry::New(metadata) => {
                self.log.recorder.record(Event::Decided {
                    metadata,
                    outcomes: decided.answer.outcomes.clone(),
                    touched: decided.touched.iter().copied().collect(),
                });
                self.log.decided.notify_one();
            }
            Entry::Differs(text) => self.log.recorder.breaks(SAME_LOG, text),
        }
    }

    fn applied(&self, version: Version, by_snapshot: bool) {
        if !self.log.lock().ledger.holds(version) {
            let text = format!("a snapshot led to version {version}, which no node came to");
            self.log.recorder.breaks(SAME_LOG, text);
        }
        let snapshot = by_snapshot && self.started.load(Ordering::Relaxed);
        self.witness.tell(|node| Event::Applied {
            node,
            version,
            snapshot,
        });
        if snapshot && self.witness.lives() && !self.ground.is_healed() {
            self.ground
                .strike(FaultKind::SnapshotInstall, &[self.witness.node()]);
        }
    }
}
