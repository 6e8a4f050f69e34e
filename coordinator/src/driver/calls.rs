//! The calls that run.

mod barrier;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tidegate_guard::SessionId;
use tidegate_tablets::{
    Epoch, Metadata, MetadataStore, NodeId, Outcome, Proposal, ProposeError, Reason, StreamPermits, TabletId,
};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::{Instant, timeout};
use tracing::Instrument;

use super::limits::{Lane, Limits, Place};
use super::telemetry;
use crate::{
    BarrierAnswer, BarrierRequest, CallError, CoordinatorConfig, Operation, OperationError, OperationKind,
    Participants,
};

pub(super) type CallId = u64;

/// Answers of tablets within a barrier call that runs, as many as came together.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) call: CallId,
    pub(super) answers: Vec<BarrierAnswer>,
}

/// How a call ended.
#[derive(Debug)]
pub(super) enum End {
    Barrier(Result<(), CallError>),
    Operation(Result<Result<(), OperationError>, CallError>),
    Proposed(Result<Vec<Outcome>, ProposeError>),
    ReadAnew,
}

/// What a call is for.
#[derive(Debug)]
pub(super) enum Purpose {
    /// The tablets without an answer so far.
    Barrier {
        node: NodeId,
        lane: Lane,
        open: BTreeMap<TabletId, Epoch>,
    },
    Operation {
        place: Place,
        tablet: TabletId,
        session: SessionId,
        kind: OperationKind,
    },
    Proposal,
    ReadAnew,
}

#[derive(Debug)]
struct Running {
    purpose: Purpose,
    abort: AbortHandle,
    since: Instant,
}

/// The calls that run, bounded by [`Limits`]. Dropping it aborts them.
#[derive(Debug)]
pub(super) struct Calls {
    participants: Arc<dyn Participants>,
    store: Arc<dyn MetadataStore>,
    tasks: JoinSet<(CallId, End)>,
    running: BTreeMap<CallId, Running>,
    next: CallId,
    limits: Limits,
    /// Streams that went on when their call ended: they keep their permits until they are asked for again.
    parked: BTreeMap<(TabletId, SessionId), Place>,
    answers: mpsc::Sender<Answered>,
    grace: Duration,
    store_deadline: Duration,
}

impl Calls {
    pub(super) fn new(
        store: Arc<dyn MetadataStore>,
        participants: Arc<dyn Participants>,
        config: &CoordinatorConfig,
        answers: mpsc::Sender<Answered>,
    ) -> Self {
        Self {
            participants,
            store,
            tasks: JoinSet::new(),
            running: BTreeMap::new(),
            next: 0,
            limits: Limits::new(config),
            parked: BTreeMap::new(),
            answers,
            grace: config.call_grace,
            store_deadline: config.store_deadline,
        }
    }

    /// Asks for barriers, if the node has a place left.
    pub(super) fn barrier(&mut self, node: NodeId, lane: Lane, request: BarrierRequest) -> bool {
        if !self.limits.take(node, lane) {
            return false;
        }
        let span = tracing::info_span!("barrier", %node, tablets = request.tablets.len());
        let open = request.tablets.iter().copied().collect();
        let call = barrier::Call {
            id: self.next,
            node,
            request,
            grace: self.grace,
            answers: self.answers.clone(),
        };
        let participants = Arc::clone(&self.participants);
        let work = async move { End::Barrier(call.run(&*participants).await) };
        self.spawn(Purpose::Barrier { node, lane, open }, work.instrument(span));
        true
    }

    /// How many streams a node may send and receive, from now on.
    pub(super) fn set_permits(&mut self, permits: StreamPermits) {
        self.limits.set_permits(permits);
    }

    /// What bounds the calls, and who has no place.
    pub(super) const fn limits(&mut self) -> &mut Limits {
        &mut self.limits
    }

    /// Asks for an operation, if the node has a place left and, for a stream, its sources have; else the tablet waits.
    pub(super) fn operation(
        &mut self,
        node: NodeId,
        operation: Operation,
        sources: Vec<NodeId>,
        urgency: Reason,
    ) -> bool {
        let place = match self.parked.remove(&(operation.tablet, operation.frozen.session)) {
            // It runs there all the while, also where the limits are lower now.
            Some(place) if place.node == node => place,
            other => {
                other.inspect(|place| self.limits.give_all_back(place));
                let lane = Lane::of(operation.kind);
                let place = Place { node, lane, sources };
                if !self.limits.take_all(&place, urgency) {
                    self.limits.waiting().wait((urgency, operation.tablet), place);
                    return false;
                }
                place
            }
        };
        let Operation {
            kind,
            tablet,
            frozen,
            deadline,
            ..
        } = operation;
        let session = frozen.session;
        let span = tracing::info_span!("operation", %kind, %node, %tablet, %session);
        let (participants, waited) = (Arc::clone(&self.participants), deadline + self.grace);
        let work = async move {
            let answer = timeout(waited, participants.operate(node, operation)).await;
            End::Operation(answer.unwrap_or(Err(CallError::TimedOut { node, waited })))
        };
        self.spawn(
            Purpose::Operation {
                place,
                tablet,
                session,
                kind,
            },
            work.instrument(span),
        );
        true
    }

    /// Sends a proposal.
    pub(super) fn propose(&mut self, proposal: Proposal) {
        let span = tracing::info_span!("proposal", changes = proposal.changes.len());
        let (store, deadline) = (Arc::clone(&self.store), self.store_deadline);
        let work = async move {
            let late = |_| Err(ProposeError::Unknown(format!("no answer within {deadline:?}")));
            End::Proposed(
                timeout(deadline, store.propose(proposal))
                    .await
                    .unwrap_or_else(late),
            )
        };
        self.spawn(Purpose::Proposal, work.instrument(span));
    }

    /// Has the metadata read anew, unless that runs already.
    pub(super) fn read_anew(&mut self) {
        if self
            .running
            .values()
            .any(|call| matches!(call.purpose, Purpose::ReadAnew))
        {
            return;
        }
        let (store, deadline) = (Arc::clone(&self.store), self.store_deadline);
        self.spawn(Purpose::ReadAnew, async move {
            if timeout(deadline, store.read_barrier()).await.is_err() {
                tracing::warn!(?deadline, "the metadata could not be read anew");
            }
            End::ReadAnew
        });
    }

    fn spawn(&mut self, purpose: Purpose, work: impl Future<Output = End> + Send + 'static) {
        let id = self.next;
        self.next += 1;
        let abort = self.tasks.spawn(Box::pin(async move { (id, work.await) }));
        self.running.insert(
            id,
            Running {
                purpose,
                abort,
                since: Instant::now(),
            },
        );
    }

    /// Notes that tablets of a barrier call have their answers: gives the node, and the answers that the call waits
    /// for.
    pub(super) fn answered(
        &mut self,
        call: CallId,
        mut answers: Vec<BarrierAnswer>,
    ) -> Option<(NodeId, Vec<BarrierAnswer>)> {
        let running = self.running.get_mut(&call)?;
        let Purpose::Barrier { node, open, .. } = &mut running.purpose else {
            return None;
        };
        answers.retain(|answer| {
            let is_awaited = open.get(&answer.tablet) == Some(&answer.epoch);
            if is_awaited {
                open.remove(&answer.tablet);
            }
            is_awaited
        });
        let took = running.since.elapsed();
        let done = answers.iter().filter(|answer| answer.result.is_ok());
        done.for_each(|_| telemetry::barrier_took(took));
        Some((*node, answers))
    }

    /// The next call that ends; `End` is absent where it panicked. Its answers were handed on before: they are to be
    /// taken before it is [taken away](Self::take). Waits for ever while nothing runs.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub(super) async fn next_end(&mut self) -> (CallId, Option<End>) {
        loop {
            match self.tasks.join_next().await {
                Some(joined) => {
                    if let Some(end) = self.end_of(joined) {
                        return end;
                    }
                }
                None => std::future::pending().await,
            }
        }
    }

    /// A call that has ended already, as [`next_end`](Self::next_end) gives it.
    pub(super) fn try_next_end(&mut self) -> Option<(CallId, Option<End>)> {
        while let Some(joined) = self.tasks.try_join_next() {
            if let Some(end) = self.end_of(joined) {
                return Some(end);
            }
        }
        None
    }

    fn end_of(&self, joined: Result<(CallId, End), JoinError>) -> Option<(CallId, Option<End>)> {
        match joined {
            Ok((id, end)) => Some((id, Some(end))),
            Err(error) => {
                let of_task = |call: &&CallId| self.running[*call].abort.id() == error.id();
                Some((self.running.keys().find(of_task).copied()?, None))
            }
        }
    }

    /// Takes away a call that has ended, and gives its place back; `None` for one that was aborted. A stream that
    /// `goes_on` keeps its place.
    pub(super) fn take(&mut self, call: CallId, goes_on: bool) -> Option<Purpose> {
        let running = self.running.remove(&call)?;
        match &running.purpose {
            Purpose::Operation {
                place,
                tablet,
                session,
                kind: OperationKind::Stream,
            } if goes_on => {
                self.parked.insert((*tablet, *session), place.clone());
            }
            purpose => self.give_back(purpose),
        }
        Some(running.purpose)
    }

    fn give_back(&mut self, purpose: &Purpose) {
        match purpose {
            Purpose::Barrier { node, lane, .. } => self.limits.give_back(*node, *lane),
            Purpose::Operation { place, .. } => self.limits.give_all_back(place),
            Purpose::Proposal | Purpose::ReadAnew => {}
        }
    }

    /// Aborts the calls whose answer would count for nothing: of epochs and sessions that are gone, and to nodes
    /// that are excluded.
    pub(super) fn abort_stale(&mut self, metadata: &Metadata) {
        let mut stale = Vec::new();
        for (id, call) in &mut self.running {
            let is_stale = match &mut call.purpose {
                Purpose::Barrier { node, open, .. } => {
                    open.retain(|tablet, epoch| {
                        metadata
                            .tablets
                            .get(tablet)
                            .is_some_and(|tablet| tablet.epoch == *epoch)
                    });
                    open.is_empty() || metadata.is_excluded(*node)
                }
                Purpose::Operation {
                    place,
                    tablet,
                    session,
                    ..
                } => is_over(metadata, *tablet, *session, place.node),
                Purpose::Proposal | Purpose::ReadAnew => false,
            };
            if is_stale {
                stale.push(*id);
            }
        }
        for id in stale {
            if let Some(running) = self.running.remove(&id) {
                running.abort.abort();
                self.give_back(&running.purpose);
            }
        }
        let over = |(key, place): (&(TabletId, SessionId), &Place)| {
            let transition = metadata
                .tablets
                .get(&key.0)
                .and_then(|tablet| tablet.transition.as_ref());
            // Without enough sources nobody asks again before an operator's word.
            let waits = transition.is_some_and(|transition| !metadata.has_sources(transition));
            (waits || is_over(metadata, key.0, key.1, place.node)).then_some(*key)
        };
        let over: Vec<_> = self.parked.iter().filter_map(over).collect();
        for key in over {
            if let Some(place) = self.parked.remove(&key) {
                self.limits.give_all_back(&place);
            }
        }
    }

    /// Aborts every call and waits until they are gone.
    ///
    /// # Cancel safety
    ///
    /// Safe: dropped before it completes, the calls end all the same.
    pub(super) async fn shutdown(&mut self) {
        self.running.clear();
        self.tasks.shutdown().await;
    }
}

/// Whether an answer under that session would count for nothing.
fn is_over(metadata: &Metadata, tablet: TabletId, session: SessionId, node: NodeId) -> bool {
    let transition = metadata
        .tablets
        .get(&tablet)
        .and_then(|tablet| tablet.transition.as_ref());
    let current = transition.and_then(|transition| transition.session);
    current.is_none_or(|(current, _)| current != session) || metadata.is_excluded(node)
}
