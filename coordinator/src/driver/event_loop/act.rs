//! Plans, and starts what was planned.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tidegate_tablets::{Change, Epoch, Metadata, NodeId, Reason, TabletId, Transition};

use super::EventLoop;
use crate::driver::limits::{Lane, Place};
use crate::driver::telemetry;
use crate::planner::{Action, WayBack, plan, plan_some};
use crate::{BarrierRequest, Operation, OperationKind};

/// Barriers to ask for, by node and lane.
type Barriers = BTreeMap<(NodeId, Lane), Vec<(TabletId, Epoch)>>;

impl EventLoop {
    /// Plans what is on the agenda and what has room now, and starts what the limits leave room for. The rest waits
    /// until there is, and is planned again then.
    pub(super) fn act(&mut self) {
        let now_ms = self.now_ms();
        if let Some(proposal) = self.proposer.resend(now_ms) {
            self.calls.propose(proposal);
        }
        let room = self.proposer.room();
        let mut tablets = self.shared.lock().progress.take_agenda(now_ms);
        let limits = self.calls.limits();
        tablets.extend(limits.with_room());
        tablets.extend(limits.waiting().to_propose().take(room));
        // In one plan, so that the more urgent come first; then whoever was left out by that has what is left.
        while !tablets.is_empty() {
            self.plan_and_start(&tablets, now_ms);
            tablets = self.calls.limits().with_room();
        }
        debug_assert!(
            self.nothing_is_forgotten(now_ms),
            "a tablet is neither started nor waits"
        );
    }

    fn plan_and_start(&mut self, tablets: &BTreeSet<TabletId>, now_ms: u64) {
        tablets
            .iter()
            .for_each(|tablet| self.calls.limits().forget(*tablet));
        let (metadata, actions) = {
            let state = self.shared.lock();
            let actions = plan_some(&state.metadata, &state.progress, tablets, now_ms);
            (Arc::clone(&state.metadata), actions)
        };
        let mut barriers = Barriers::new();
        let mut changes = Vec::new();
        for action in actions {
            match action {
                Action::Barrier {
                    node,
                    tablet,
                    epoch,
                    retry,
                    ..
                } => {
                    let lane = if retry { Lane::SlowBarrier } else { Lane::Barrier };
                    barriers.entry((node, lane)).or_default().push((tablet, epoch));
                }
                Action::Operate {
                    node,
                    kind,
                    tablet,
                    frozen,
                    min_version,
                    retry,
                } => {
                    let deadline = self.config.operation_deadline;
                    let operation = Operation {
                        kind,
                        tablet,
                        frozen,
                        min_version,
                        deadline,
                    };
                    self.operate(&metadata, node, operation, retry);
                }
                Action::Propose {
                    tablet,
                    epoch,
                    change,
                    skipped,
                    back,
                } => {
                    if changes.len() >= self.proposer.room() {
                        let turn = (urgency(&metadata, tablet), tablet);
                        self.calls.limits().waiting().wait_to_propose(turn);
                        continue;
                    }
                    let mut state = self.shared.lock();
                    state.progress.change_started(tablet, epoch, back.as_ref());
                    drop(state);
                    telemetry::move_of(&metadata, tablet)
                        .in_scope(|| log_change(tablet, &change, skipped, back.as_ref()));
                    changes.push((tablet, epoch, change));
                }
                Action::GiveUp { tablet, epoch, error } => self.give_up(&metadata, tablet, epoch, &error),
            }
        }
        self.ask_for_barriers(barriers, &metadata);
        if !changes.is_empty() {
            let proposal = self.proposer.send(changes, metadata.version);
            self.calls.propose(proposal);
        }
    }

    /// Whether everything that a plan of all tablets would name has had its chance: what is not started waits for room.
    fn nothing_is_forgotten(&mut self, now_ms: u64) -> bool {
        let state = self.shared.lock();
        let actions = plan(&state.metadata, &state.progress, now_ms);
        drop(state);
        actions.iter().all(|action| match action {
            Action::Barrier { tablet, .. }
            | Action::Operate { tablet, .. }
            | Action::Propose { tablet, .. }
            | Action::GiveUp { tablet, .. } => self.calls.limits().waiting().has(*tablet),
        })
    }

    fn operate(&mut self, metadata: &Metadata, node: NodeId, operation: Operation, retry: bool) {
        let Operation {
            kind, tablet, frozen, ..
        } = operation;
        // What the call says is said in it.
        let _move = telemetry::move_of(metadata, tablet).entered();
        let transition = transition_of(metadata, tablet);
        let sources = transition
            .filter(|_| kind == OperationKind::Stream)
            .map_or_else(BTreeSet::new, |transition| metadata.sources(transition));
        let sources = sources.into_iter().collect();
        let urgency = urgency(metadata, tablet);
        if self.calls.operation(node, operation, sources, urgency) {
            if retry {
                telemetry::retried(kind.name(), 1);
            }
            self.shared
                .lock()
                .progress
                .operation_started(tablet, frozen.session, kind, node);
        }
    }

    fn ask_for_barriers(&mut self, barriers: Barriers, metadata: &Metadata) {
        let deadline = self.config.barrier_deadline;
        for ((node, lane), tablets) in barriers {
            for tablets in tablets.chunks(self.config.tablets_per_barrier.max(1)) {
                let request = BarrierRequest {
                    tablets: tablets.to_vec(),
                    min_version: metadata.version,
                    deadline,
                };
                if !self.calls.barrier(node, lane, request) {
                    for (tablet, _) in tablets {
                        let sources = Vec::new();
                        let turn = (urgency(metadata, *tablet), *tablet);
                        let place = Place { node, lane, sources };
                        self.calls.limits().waiting().wait(turn, place);
                    }
                    continue;
                }
                if lane == Lane::SlowBarrier {
                    telemetry::retried("barrier", tablets.len());
                }
                let mut state = self.shared.lock();
                for (tablet, epoch) in tablets {
                    state.progress.barrier_started(*tablet, *epoch, node);
                }
            }
        }
    }

    fn give_up(&self, metadata: &Metadata, tablet: TabletId, epoch: Epoch, error: &str) {
        if let Some(transition) = transition_of(metadata, tablet) {
            telemetry::gave_up(transition.kind);
            let _move = telemetry::move_begun(tablet, transition.begun).entered();
            tracing::error!(%tablet, stage = %transition.stage, error,
                "retries are used up and there is no way back: goes on slowly, someone should look");
        }
        self.shared.lock().progress.gave_up(tablet, epoch);
    }
}

fn transition_of(metadata: &Metadata, tablet: TabletId) -> Option<&Transition> {
    let known = metadata.tablets.get(&tablet);
    known.and_then(|known| known.transition.as_ref())
}

fn urgency(metadata: &Metadata, tablet: TabletId) -> Reason {
    transition_of(metadata, tablet).map_or(Reason::Operator, |transition| transition.reason)
}

fn log_change(tablet: TabletId, change: &Change, skipped: Option<&str>, back: Option<&WayBack>) {
    if let Some(what) = skipped {
        tracing::info!(%tablet, what, "nothing to do in this stage: skipped");
    }
    if let Change::Advance { to, .. } = change {
        let to = to.map_or("the end", |stage| stage.name());
        match back {
            Some(why) => tracing::warn!(%tablet, to, %why, "goes back"),
            None => tracing::info!(%tablet, to, "goes on"),
        }
    }
}
