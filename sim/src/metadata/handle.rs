//! One start of a node's store on Raft, as the node is handed it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};

use async_trait::async_trait;
use tidegate_raft::RaftStore;
use tidegate_tablets::{
    Changes, Metadata, MetadataStore, Outcome, Proposal, ProposeError, StoreStopped, Update, Version,
};
use tokio::sync::Notify;

use super::RaftLog;

/// A node's store. It can be laid to rest: then nothing of Raft runs any more, and whoever waits for metadata goes on
/// waiting, as for a log in which nothing is decided. What is left of tasks and streams is then the product's own.
#[derive(Debug)]
pub(crate) struct RaftHandle {
    raft: Arc<RaftStore>,
    log: Arc<RaftLog>,
    rest: Arc<Rest>,
}

#[derive(Debug, Default)]
struct Rest {
    rests: AtomicBool,
    stopped: AtomicBool,
    // Not a watch: that wakes its waiters in an order that no seed decides.
    stops: Notify,
}

impl Rest {
    /// What Raft says of having stopped is not heard while it rests.
    async fn bear<T, E>(&self, result: Result<T, E>, is_stop: impl Fn(&E) -> bool) -> Result<T, E> {
        if result.as_ref().is_err_and(is_stop) && self.rests.load(Ordering::Relaxed) {
            let stops = self.stops.notified();
            // All of a run happens in one thread: nothing falls between the two.
            if !self.stopped.load(Ordering::Relaxed) {
                stops.await;
            }
        }
        result
    }
}

impl RaftHandle {
    pub(super) fn new(raft: Arc<RaftStore>, log: Arc<RaftLog>) -> Arc<Self> {
        Arc::new(Self {
            raft,
            log,
            rest: Arc::default(),
        })
    }

    /// The store itself.
    pub(crate) const fn raft(&self) -> &Arc<RaftStore> {
        &self.raft
    }

    /// Lays it to rest.
    pub(crate) async fn rest(&self) {
        self.rest.rests.store(true, Ordering::Relaxed);
        self.raft.stop().await;
    }

    /// Whoever waits, or comes later, is told that it has stopped, at once; the rest ends by and by.
    pub(super) fn stop(&self) {
        self.rest.stopped.store(true, Ordering::Relaxed);
        self.rest.stops.notify_waiters();
        let mut stopping = Box::pin(self.raft.stop());
        let _ = stopping.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }

    pub(super) async fn ended(&self) {
        self.raft.stop().await;
    }
}

#[async_trait]
impl MetadataStore for RaftHandle {
    async fn propose(&self, proposal: Proposal) -> Result<Vec<Outcome>, ProposeError> {
        let flight = self.log.launch();
        let answer = self.raft.propose(proposal).await;
        match &answer {
            Ok(_) | Err(ProposeError::NotTaken(_) | ProposeError::TooLarge { .. }) => flight.landed(),
            Err(_) => drop(flight),
        }
        let is_stop = |error: &ProposeError| matches!(error, ProposeError::Stopped(_));
        self.rest.bear(answer, is_stop).await
    }

    async fn wait_applied(&self, version: Version) -> Result<(), StoreStopped> {
        let waited = self.raft.wait_applied(version).await;
        self.rest.bear(waited, |_| true).await
    }

    async fn read_barrier(&self) -> Result<Version, StoreStopped> {
        let ended = self.raft.read_barrier().await;
        self.rest.bear(ended, |_| true).await
    }

    fn snapshot(&self) -> Arc<Metadata> {
        self.raft.snapshot()
    }

    fn changes(&self) -> Box<dyn Changes> {
        Box::new(Following {
            inner: self.raft.changes(),
            rest: Arc::clone(&self.rest),
        })
    }
}

#[derive(Debug)]
struct Following {
    inner: Box<dyn Changes>,
    rest: Arc<Rest>,
}

#[async_trait]
impl Changes for Following {
    async fn next(&mut self) -> Result<Update, StoreStopped> {
        let next = self.inner.next().await;
        self.rest.bear(next, |_| true).await
    }
}
