//! What a coordinator asks for, counted on its way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use tidegate_coordinator::{
    BarrierAnswer, BarrierRequest, CallError, Operation, OperationError, Participants,
};
use tidegate_tablets::{
    Changes, Metadata, MetadataStore, NodeId, Outcome, Proposal, ProposeError, StoreStopped, Version,
};
use tokio::sync::mpsc;

/// What a coordinator has asked for.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    barrier_calls: AtomicU64,
    barriers: AtomicU64,
    proposals: AtomicU64,
}

/// What it had asked for at some moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    /// Calls to a node, whatever the number of tablets in them.
    pub(crate) barrier_calls: u64,
    /// Tablets in those calls.
    pub(crate) barriers: u64,
    /// Proposals, whatever the number of changes in them.
    pub(crate) proposals: u64,
}

impl Counts {
    pub(crate) fn now(&self) -> Counted {
        // Relaxed: figures, read when nothing runs.
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counted {
            barrier_calls: of(&self.barrier_calls),
            barriers: of(&self.barriers),
            proposals: of(&self.proposals),
        }
    }
}

#[derive(Debug)]
pub(super) struct CountedParticipants {
    inner: Arc<dyn Participants>,
    counts: Arc<Counts>,
}

impl CountedParticipants {
    pub(super) fn new(inner: Arc<dyn Participants>, counts: Arc<Counts>) -> Self {
        Self { inner, counts }
    }
}

#[async_trait]
impl Participants for CountedParticipants {
    async fn barrier(
        &self,
        node: NodeId,
        request: BarrierRequest,
        answers: mpsc::Sender<BarrierAnswer>,
    ) -> Result<(), CallError> {
        self.counts.barrier_calls.fetch_add(1, Ordering::Relaxed);
        self.counts
            .barriers
            .fetch_add(request.tablets.len() as u64, Ordering::Relaxed);
        self.inner.barrier(node, request, answers).await
    }

    async fn operate(
        &self,
        node: NodeId,
        operation: Operation,
    ) -> Result<Result<(), OperationError>, CallError> {
        self.inner.operate(node, operation).await
    }
}

#[derive(Debug)]
pub(super) struct CountedStore {
    inner: Arc<dyn MetadataStore>,
    counts: Arc<Counts>,
}

impl CountedStore {
    pub(super) fn new(inner: Arc<dyn MetadataStore>, counts: Arc<Counts>) -> Self {
        Self { inner, counts }
    }
}

#[async_trait]
impl MetadataStore for CountedStore {
    async fn propose(&self, proposal: Proposal) -> Result<Vec<Outcome>, ProposeError> {
        self.counts.proposals.fetch_add(1, Ordering::Relaxed);
        self.inner.propose(proposal).await
    }

    async fn wait_applied(&self, version: Version) -> Result<(), StoreStopped> {
        self.inner.wait_applied(version).await
    }

    async fn read_barrier(&self) -> Result<Version, StoreStopped> {
        self.inner.read_barrier().await
    }

    fn snapshot(&self) -> Arc<Metadata> {
        self.inner.snapshot()
    }

    fn changes(&self) -> Box<dyn Changes> {
        self.inner.changes()
    }
}
