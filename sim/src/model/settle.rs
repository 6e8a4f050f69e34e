//! What follows at once on every step, and what nobody can tell apart any more.

use tidegate_coordinator::BarrierError;
use tidegate_replica::rules::barrier_may_begin;
use tidegate_tablets::Version;

use super::reached::{Reach, reach};
use super::scope::{Scope, TABLET};
use super::state::{Ask, At, State};

impl State {
    /// What follows at once, and what nobody can tell apart any more.
    pub(super) fn settle(&mut self, scope: &Scope) {
        self.end_barriers();
        self.skip_what_concerns_nobody();
        self.drop_refused_for_good();
        self.decide_stale_change();
        self.calls.retain(|call| call.awaited || call.at == At::Sent);
        self.calls.sort_unstable();
        self.keep_one_stale_call();
        self.requests.sort_unstable();
        let lag = if self.budget.restarts > 0 {
            scope.forgotten
        } else {
            0
        };
        let up = self.nodes.iter().filter(|node| node.up);
        let needed = up.map(|node| node.copy.as_u64().saturating_sub(lag));
        let needed = needed.chain([self.coordinator.seen.as_u64()]).min();
        self.log.forget_before(Version::new(needed.unwrap_or_default()));
    }

    /// Barriers that have nothing left to wait for are answered.
    fn end_barriers(&mut self) {
        for place in 0..self.calls.len() {
            let call = &self.calls[place];
            let (At::Draining(sessions), Ask::Barrier(epoch)) = (&call.at, call.ask) else {
                continue;
            };
            let (node, drained) = (call.node, self.drained(call.node, epoch, sessions));
            if drained.requests && drained.sessions {
                let answer = self.barrier_ends(node, epoch, drained);
                self.calls[place].at = At::Answered(answer);
            } else {
                reach(Reach::BarrierWaited);
            }
        }
    }

    /// A barrier of an epoch that its node is past is refused, now and for good, as epochs only grow; and the refusal
    /// says nothing to a coordinator that is past it too. So it makes no difference when it comes, or whether.
    fn drop_refused_for_good(&mut self) {
        let seen = self.log.at(self.coordinator.seen).tablet().epoch;
        let calls = std::mem::take(&mut self.calls);
        let kept = calls.into_iter().filter(|call| match (call.ask, &call.at) {
            (Ask::Barrier(epoch), At::Sent) if !call.awaited || seen > epoch => {
                let refused = |map| {
                    matches!(
                        barrier_may_begin(map, TABLET, epoch),
                        Err(BarrierError::Superseded { .. })
                    )
                };
                let refused = self.map_of(call.node).is_some_and(|map| refused(map));
                if refused {
                    reach(Reach::BarrierRefused);
                }
                !refused
            }
            _ => true,
        });
        let kept = kept.collect();
        self.calls = kept;
    }

    /// Of the calls that their coordinator waits for, and has no use for any more, one may still be answered; more of
    /// them are lost. That is less than can happen, but whatever one of them can do is done by each of them on some
    /// path: on that where the others were answered in time.
    fn keep_one_stale_call(&mut self) {
        let seen = self.log.at(self.coordinator.seen);
        let (epoch, session) = (seen.tablet().epoch, seen.session());
        let mut kept = false;
        self.calls.retain(|call| {
            let stale = match call.ask {
                Ask::Barrier(asked) => asked < epoch,
                Ask::Operation(_, frozen) => Some(frozen.session) != session,
            };
            let another = call.awaited && stale && std::mem::replace(&mut kept, true);
            !another
        });
    }

    /// A change that a replaced coordinator has left is decided as soon as its epoch is over, if not before: refused
    /// then, it is refused at every later epoch, as apply compares the two and looks at nothing else first.
    fn decide_stale_change(&mut self) {
        let epoch = self.log.newest().tablet().epoch;
        if let Some((expected, to)) = self.left_change.filter(|(expected, _)| *expected < epoch) {
            self.left_change = None;
            if !self.decide(&Self::advance(expected, to)) {
                reach(Reach::StaleChangeRefused);
            }
        }
    }

    /// A node applies at once what is nothing to it, before and after.
    fn skip_what_concerns_nobody(&mut self) {
        let newest = self.log.newest().version();
        for place in 0..self.nodes.len() {
            loop {
                let node = &self.nodes[place];
                let (id, next) = (node.id, Version::new(node.copy.as_u64() + 1));
                if !node.up || !node.published || next > newest {
                    break;
                }
                let concerned = |version| self.log.at(version).tablet().concerns(id);
                if concerned(node.copy) || concerned(next) {
                    break;
                }
                self.apply(id, next);
            }
        }
    }
}
