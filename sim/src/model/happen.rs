//! What a step makes of a state.

use tidegate_tablets::Change;

use super::liveness;
use super::reached::{Reach, reach};
use super::scope::TABLET;
use super::state::{Ask, At, Call, Request, State};
use super::step::{Leaves, Step};

impl State {
    /// Does a step; answers false where it changes nothing.
    pub(super) fn happens(&mut self, step: &Step) -> bool {
        match step {
            Step::BeginMove => {
                self.budget.moves -= 1;
                return self.decide(&self.next_move());
            }
            Step::BeginPurge => {
                self.budget.purges -= 1;
                return self.decide(&self.next_purge());
            }
            Step::Cancel => {
                self.budget.cancels -= 1;
                let Some(transition) = &self.log.newest().tablet().transition else {
                    return false;
                };
                let begun = transition.begun;
                return self.decide(&Change::Cancel {
                    tablet: TABLET,
                    begun,
                });
            }
            Step::Exclude(node) => {
                self.budget.exclusions -= 1;
                let change = Change::Exclude {
                    node: *node,
                    give_up_quorum: false,
                };
                if !self.decide(&change) {
                    return false;
                }
                self.stop(*node);
            }
            Step::Follow => self.follow(),
            Step::Propose | Step::DecideLeft | Step::FailOver(_) => return self.coordinator_step(step),
            Step::Deliver(call)
            | Step::Answer(call)
            | Step::Lose(call)
            | Step::Delay(call)
            | Step::Duplicate(call)
            | Step::Deadline(call) => self.call_step(step, call),
            Step::Apply(node, version) => self.apply(*node, *version),
            Step::Serve(node, source, running) => self.serve(*node, *source, running),
            Step::Land(node, running) => self.land(*node, running),
            Step::Sweep(node) => {
                reach(Reach::Swept);
                self.sweep(*node);
            }
            Step::Restart(node, back) => {
                self.budget.restarts -= 1;
                self.restart(*node, *back);
            }
            Step::Stop => self.breaks(liveness::STOPPED),
            Step::Delete => self.try_to_delete(),
            Step::Arrive(request) => {
                self.take_request(request);
                self.arrive(request.clone());
            }
            Step::TakeEffect(request) => {
                self.take_request(request);
                self.take_effect(request);
            }
        }
        true
    }

    fn coordinator_step(&mut self, step: &Step) -> bool {
        match step {
            Step::FailOver(leaves) => {
                self.budget.fail_overs -= 1;
                let call = match leaves {
                    Leaves::Nothing => None,
                    Leaves::Change => {
                        self.left_change = self.coordinator.proposes;
                        None
                    }
                    Leaves::Call(call) => Some(call),
                };
                self.fail_over(call);
            }
            Step::DecideLeft => {
                let Some((epoch, to)) = self.left_change.take() else {
                    return false;
                };
                if !self.decide(&Self::advance(epoch, to)) {
                    reach(Reach::StaleChangeRefused);
                }
            }
            _ => {
                let Some((epoch, to)) = self.coordinator.proposes else {
                    return false;
                };
                if !self.decide(&Self::advance(epoch, to)) {
                    if self.coordinator.seen == self.log.newest().version() {
                        self.breaks(
                            "I9: what the coordinator proposes by the newest metadata is not refused",
                        );
                        return true;
                    }
                    // It hears that the tablet is further than its metadata, which it follows.
                    return false;
                }
                self.follow();
            }
        }
        true
    }

    fn call_step(&mut self, step: &Step, call: &Call) {
        if let Some(place) = self.calls.iter().position(|other| other == call) {
            self.calls.remove(place);
        }
        match (step, &call.at) {
            (Step::Deliver(_), _) => self.deliver(call.clone()),
            (Step::Answer(_), At::Answered(answer)) => self.answered(call, Some(*answer)),
            (Step::Lose(_), _) => {
                self.budget.losses -= 1;
                self.answered(call, None);
            }
            (Step::Delay(_), _) => {
                self.budget.delays -= 1;
                self.leave_behind(call);
                self.answered(call, None);
            }
            (Step::Duplicate(_), _) => {
                self.budget.duplicates -= 1;
                self.leave_behind(call);
                self.calls.push(call.clone());
            }
            (Step::Deadline(_), At::Draining(sessions)) => {
                self.budget.deadlines -= 1;
                if let Ask::Barrier(epoch) = call.ask {
                    let drained = self.drained(call.node, epoch, sessions);
                    let answer = self.barrier_ends(call.node, epoch, drained);
                    let at = At::Answered(answer);
                    self.calls.push(Call { at, ..call.clone() });
                }
            }
            _ => {}
        }
    }

    /// The call stays on its way, and nobody waits for its answer.
    fn leave_behind(&mut self, call: &Call) {
        self.calls.push(Call {
            awaited: false,
            ..call.clone()
        });
    }

    fn take_request(&mut self, request: &Request) {
        if let Some(place) = self.requests.iter().position(|other| other == request) {
            self.requests.remove(place);
        }
    }
}
