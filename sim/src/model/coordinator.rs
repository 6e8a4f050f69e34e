//! The coordinator: the product's planner over the product's progress, kept small between two steps.

use std::sync::LazyLock;
use std::time::Duration;

use tidegate_coordinator::{
    Action as Planned, BarrierError, CallError, OperationError, Progress, RetryConfig, StepError, StepState,
    WayBack, plan,
};
use tidegate_guard::Rejected;
use tidegate_tablets::{Change, Epoch, NodeId, Stage, Touched, Version};

use super::map::Map;
use super::reached::{Reach, reach};
use super::scope::TABLET;
use super::state::{Answer, Ask, At, Call, Known, State};

/// Failures that a step may have before a move goes back.
const ATTEMPTS: u32 = 2;

/// Later than anything waits for: there is no time in the model, so whatever may be tried again may be tried now.
const NOW_MS: u64 = u64::MAX;

/// Knows nothing; made once, because it computes its delays.
static NEW: LazyLock<Progress> = LazyLock::new(|| {
    Progress::new(RetryConfig {
        delay_min: Duration::from_millis(1),
        delay_max: Duration::from_millis(1),
        barrier_failures_max: ATTEMPTS,
        operation_failures_max: ATTEMPTS,
        behind_answers_max: u32::MAX,
    })
});

impl State {
    /// The product's progress, made from what is kept of it.
    fn progress(&self, map: &Map) -> Progress {
        let mut progress = NEW.clone();
        progress.observe(map, &Touched::All, 0);
        let Some(transition) = &map.tablet().transition else {
            return progress;
        };
        let epoch = map.tablet().epoch;
        let places = self.coordinator.barriers.iter().zip(&self.coordinator.operations);
        for (node, (barrier, operation)) in self.nodes.iter().zip(places) {
            for result in results(barrier) {
                progress.barrier_ended(TABLET, epoch, node.id, result, 0);
            }
            if barrier.running {
                progress.barrier_started(TABLET, epoch, node.id);
            }
            let Some((session, _)) = transition.session else {
                continue;
            };
            let Some(kind) = super::oracle::operation(transition.stage) else {
                continue;
            };
            for result in results(operation) {
                progress.operation_ended(TABLET, session, kind, node.id, result, 0);
            }
            if operation.running {
                progress.operation_started(TABLET, session, kind, node.id);
            }
        }
        progress
    }

    /// Keeps of the progress what the planner reads.
    fn keep(&mut self, progress: &Progress) {
        let map = self.log.at(self.coordinator.seen).clone();
        let known = progress.tablet(TABLET);
        let transition = map.tablet().transition.as_ref();
        let epoch = map.tablet().epoch;
        for (place, node) in self.nodes.iter().enumerate() {
            let (mut barrier, mut operation) = (Known::default(), Known::default());
            if let (Some(known), Some(transition)) = (known, transition) {
                barrier = kept(known.barrier(epoch, node.id));
                let kind = super::oracle::operation(transition.stage);
                if let (Some(kind), Some((session, _))) = (kind, transition.session) {
                    operation = kept(known.operation(session, kind, node.id));
                }
            }
            self.coordinator.barriers[place] = barrier;
            self.coordinator.operations[place] = operation;
        }
    }

    /// Something has changed for the coordinator: it sends what it may, and knows what it would propose. Sending at
    /// once loses nothing, as a call may be on its way for any time.
    fn act(&mut self, mut progress: Progress) {
        let map = self.log.at(self.coordinator.seen).clone();
        self.coordinator.proposes = None;
        for action in plan(&map, &progress, NOW_MS) {
            match action {
                Planned::Barrier {
                    node,
                    epoch,
                    min_version,
                    ..
                } => {
                    progress.barrier_started(TABLET, epoch, node);
                    self.send(node, Ask::Barrier(epoch), min_version);
                }
                Planned::Operate {
                    node,
                    kind,
                    frozen,
                    min_version,
                    ..
                } => {
                    progress.operation_started(TABLET, frozen.session, kind, node);
                    self.send(node, Ask::Operation(kind, frozen.into()), min_version);
                }
                Planned::Propose {
                    epoch,
                    change: Change::Advance { to, .. },
                    back,
                    ..
                } => {
                    if matches!(back, Some(WayBack::Spent(_))) {
                        reach(Reach::WentBackForFailures);
                    }
                    self.coordinator.proposes = Some((epoch, to));
                }
                Planned::Propose { .. } | Planned::GiveUp { .. } => {}
            }
        }
        self.keep(&progress);
    }

    fn send(&mut self, node: NodeId, ask: Ask, min_version: Version) {
        // A call to a node that is stopped goes nowhere.
        if self.node(node).up {
            self.calls.push(Call {
                node,
                ask,
                min_version,
                awaited: true,
                at: At::Sent,
            });
        }
    }

    /// The coordinator follows to the newest metadata.
    pub(super) fn follow(&mut self) {
        let mut progress = self.progress(&self.log.at(self.coordinator.seen).clone());
        let newest = self.log.newest().clone();
        progress.observe(&newest, &Touched::Tablets([TABLET].into()), 0);
        self.coordinator.seen = newest.version();
        self.act(progress);
    }

    /// Another coordinator takes over, and knows nothing. One call that the one before has sent may still come: more
    /// of them would be in each other's way in more ways than can be gone through.
    pub(super) fn fail_over(&mut self, left: Option<&Call>) {
        self.calls.retain(|call| !call.awaited || Some(call) == left);
        for call in &mut self.calls {
            call.awaited = false;
        }
        let mut progress = NEW.clone();
        progress.observe(self.log.at(self.coordinator.seen), &Touched::All, 0);
        self.act(progress);
    }

    /// An answer, or the end of the wait for one, reaches the coordinator.
    pub(super) fn answered(&mut self, call: &Call, answer: Option<Answer>) {
        let map = self.log.at(self.coordinator.seen).clone();
        let mut progress = self.progress(&map);
        let result = answer.map_or(Err(StepError::NoAnswer), |answer| result_of(answer, call.node));
        match call.ask {
            Ask::Barrier(epoch) => {
                if epoch != map.tablet().epoch {
                    reach(Reach::StaleAnswer);
                }
                progress.barrier_ended(TABLET, epoch, call.node, result, 0);
            }
            Ask::Operation(kind, frozen) => {
                progress.operation_ended(TABLET, frozen.session, kind, call.node, result, 0);
            }
        }
        self.act(progress);
        let says_behind = matches!(
            answer,
            Some(Answer::Superseded(_) | Answer::Closing | Answer::Closed | Answer::Mismatch)
        );
        if says_behind && self.coordinator.seen != self.log.newest().version() {
            // It reads its metadata anew.
            self.follow();
        }
    }

    /// Whether the coordinator has a transition to look after, or did not see yet that it is over.
    pub(super) fn may_fail_over(&self) -> bool {
        self.log.at(self.coordinator.seen).tablet().transition.is_some()
    }

    /// The change that is proposed at an epoch.
    pub(super) const fn advance(epoch: Epoch, to: Option<Stage>) -> Change {
        Change::Advance {
            tablet: TABLET,
            expected: epoch,
            to,
        }
    }
}

/// The results that lead to what is known, when they come again.
fn results(known: &Known) -> impl Iterator<Item = Result<(), StepError>> {
    let failures = (0..known.failures).map(|_| Err(StepError::NoAnswer));
    failures.chain(known.done.then_some(Ok(())))
}

fn kept(step: &tidegate_coordinator::Step) -> Known {
    Known {
        running: step.state == StepState::Running,
        done: step.is_done(),
        // More of them mean the same.
        failures: if step.hopeless {
            ATTEMPTS
        } else {
            step.failures.min(ATTEMPTS)
        } as u8,
    }
}

fn result_of(answer: Answer, node: NodeId) -> Result<(), StepError> {
    let rejected = |rejected| StepError::Operation(OperationError::Rejected(rejected));
    Err(match answer {
        Answer::Done => return Ok(()),
        Answer::Superseded(actual) => StepError::Barrier(BarrierError::Superseded { actual }),
        Answer::Behind => StepError::Barrier(BarrierError::Behind {
            applied: Version::default(),
        }),
        Answer::Held => StepError::Barrier(BarrierError::Held { holders: Vec::new() }),
        Answer::NotYetOpen => rejected(Rejected::NotYetOpen { applied: 0 }),
        Answer::Closing => rejected(Rejected::Closing),
        Answer::Closed => rejected(Rejected::Closed),
        Answer::Mismatch => StepError::Operation(OperationError::Mismatch("")),
        Answer::Lost => StepError::Call(CallError::Unreachable {
            node,
            reason: String::new(),
        }),
    })
}
