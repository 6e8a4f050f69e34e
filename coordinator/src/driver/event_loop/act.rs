//! Plans, and starts what was planned.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tidegate_tablets::{Change, Epoch, Metadata, NodeId, Reason, TabletId, Version};

use super::EventLoop;
use crate::driver::limits::Lane;
use crate::driver::telemetry;
use crate::planner::{Action, WayBack, plan};
use crate::{BarrierRequest, Operation, OperationKind};

/// Barriers to ask for, by node and lane.
type Barriers = BTreeMap<(NodeId, Lane), Vec<(TabletId, Epoch)>>;

impl EventLoop {
    /// Plans, and starts what the limits leave room for. The rest is in the next plan again.
    pub(super) fn act(&mut self) {
        let now_ms = self.now_ms();
        if let Some(proposal) = self.proposer.resend(now_ms) {
            self.calls.propose(proposal);
        }
        let (metadata, actions) = {
            let state = self.shared.lock();
            (
                Arc::clone(&state.metadata),
                plan(&state.metadata, &state.progress, now_ms),
            )
        };
        self.calls.begin_plan();
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
                    if changes.len() < self.proposer.room() {
                        let mut state = self.shared.lock();
                        state.progress.change_started(tablet, epoch, back.as_ref());
                        drop(state);
                        telemetry::move_of(&metadata, tablet)
                            .in_scope(|| log_change(tablet, &change, skipped, back.as_ref()));
                        changes.push((tablet, epoch, change));
                    }
                }
                Action::GiveUp { tablet, epoch, error } => self.give_up(&metadata, tablet, epoch, &error),
            }
        }
        self.ask_for_barriers(barriers, metadata.version);
        if !changes.is_empty() {
            let proposal = self.proposer.send(changes, metadata.version);
            self.calls.propose(proposal);
        }
    }

    fn operate(&mut self, metadata: &Metadata, node: NodeId, operation: Operation, retry: bool) {
        let Operation {
            kind, tablet, frozen, ..
        } = operation;
        // What the call says is said in it.
        let _move = telemetry::move_of(metadata, tablet).entered();
        let known = metadata.tablets.get(&tablet);
        let transition = known.and_then(|known| known.transition.as_ref());
        let urgency = transition.map_or(Reason::Operator, |transition| transition.reason);
        let sources = transition
            .filter(|_| kind == OperationKind::Stream)
            .map_or_else(BTreeSet::new, |transition| metadata.sources(transition));
        let sources = sources.into_iter().collect();
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

    fn ask_for_barriers(&mut self, barriers: Barriers, min_version: Version) {
        let deadline = self.config.barrier_deadline;
        for ((node, lane), tablets) in barriers {
            for tablets in tablets.chunks(self.config.tablets_per_barrier.max(1)) {
                let request = BarrierRequest {
                    tablets: tablets.to_vec(),
                    min_version,
                    deadline,
                };
                if !self.calls.barrier(node, lane, &request) {
                    break;
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
        let transition = metadata
            .tablets
            .get(&tablet)
            .and_then(|tablet| tablet.transition.as_ref());
        if let Some(transition) = transition {
            telemetry::gave_up(transition.kind);
            let _move = telemetry::move_begun(tablet, transition.begun).entered();
            tracing::error!(%tablet, stage = %transition.stage, error,
                "retries are used up and there is no way back: goes on slowly, someone should look");
        }
        self.shared.lock().progress.gave_up(tablet, epoch);
    }
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
