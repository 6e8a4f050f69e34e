//! The coordinator's calls, in a script's hand.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tidegate_coordinator::{
    BarrierAnswer, BarrierRequest, CallError, Operation, OperationError, OperationKind, Participants,
};
use tidegate_tablets::{Metadata, NodeId, Stage, TabletId};
use tokio::sync::{Notify, mpsc};

/// What of a run's metadata a script's hand goes by.
pub(super) type Newest = Arc<dyn Fn() -> Arc<Metadata> + Send + Sync>;

/// The coordinator's calls: held back by stage, kept to be made again, and with answers that nobody gave.
pub(super) struct Calls {
    newest: Newest,
    state: Mutex<State>,
    released: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Where calls wait.
    stops: BTreeSet<Stage>,
    /// To whom calls wait.
    stopped: BTreeSet<NodeId>,
    made: Vec<(NodeId, Operation)>,
    stray: Vec<(NodeId, BarrierAnswer)>,
}

impl Calls {
    pub(super) fn new(newest: Newest) -> Arc<Self> {
        Arc::new(Self {
            newest,
            state: Mutex::default(),
            released: Notify::new(),
        })
    }

    /// From now on a call for a tablet that is in that stage waits.
    pub(super) fn stop_at(&self, stage: Stage) {
        self.lock().stops.insert(stage);
    }

    /// From now on a call to that node waits.
    pub(super) fn stop_to(&self, node: NodeId) {
        self.lock().stopped.insert(node);
    }

    /// No call waits any more.
    pub(super) fn go(&self) {
        let mut state = self.lock();
        state.stops.clear();
        state.stopped.clear();
        drop(state);
        self.released.notify_waiters();
    }

    /// The last such operation that was asked for, and of whom.
    pub(super) fn last(&self, kind: OperationKind) -> Result<(NodeId, Operation), String> {
        let state = self.lock();
        let found = state.made.iter().rev().find(|(_, made)| made.kind == kind);
        found.cloned().ok_or_else(|| format!("no {kind} was asked for"))
    }

    /// The next barrier that is asked of `node` is answered so, too.
    pub(super) fn stray(&self, node: NodeId, answer: BarrierAnswer) {
        self.lock().stray.push((node, answer));
    }

    fn note(&self, node: NodeId, operation: &Operation) {
        self.lock().made.push((node, operation.clone()));
    }

    /// Waits while calls to a node, or for a tablet where it is, wait.
    async fn pass(&self, node: NodeId, tablets: &[TabletId]) {
        loop {
            let released = self.released.notified();
            if !self.is_stopped(node, tablets) {
                return;
            }
            released.await;
        }
    }

    fn is_stopped(&self, node: NodeId, tablets: &[TabletId]) -> bool {
        let newest = (self.newest)();
        let state = self.lock();
        state.stopped.contains(&node)
            || tablets.iter().any(|tablet| {
                let transition = newest
                    .tablets
                    .get(tablet)
                    .and_then(|tablet| tablet.transition.as_ref());
                transition.is_some_and(|transition| state.stops.contains(&transition.stage))
            })
    }

    fn take_stray(&self, node: NodeId) -> Vec<BarrierAnswer> {
        let mut state = self.lock();
        let (taken, left) = std::mem::take(&mut state.stray)
            .into_iter()
            .partition(|(to, _)| *to == node);
        state.stray = left;
        let taken: Vec<(NodeId, BarrierAnswer)> = taken;
        taken.into_iter().map(|(_, answer)| answer).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Calls")
            .field("state", &*self.lock())
            .finish_non_exhaustive()
    }
}

/// Participants whose calls pass through a script's hand.
#[derive(Debug)]
pub(super) struct HeldParticipants {
    pub(super) inner: Arc<dyn Participants>,
    pub(super) calls: Arc<Calls>,
}

#[async_trait]
impl Participants for HeldParticipants {
    async fn barrier(
        &self,
        node: NodeId,
        request: BarrierRequest,
        answers: mpsc::Sender<BarrierAnswer>,
    ) -> Result<(), CallError> {
        for answer in self.calls.take_stray(node) {
            drop(answers.send(answer).await);
        }
        let tablets: Vec<TabletId> = request.tablets.iter().map(|(tablet, _)| *tablet).collect();
        self.calls.pass(node, &tablets).await;
        self.inner.barrier(node, request, answers).await
    }

    async fn operate(
        &self,
        node: NodeId,
        operation: Operation,
    ) -> Result<Result<(), OperationError>, CallError> {
        self.calls.note(node, &operation);
        self.calls.pass(node, &[operation.tablet]).await;
        self.inner.operate(node, operation).await
    }
}
