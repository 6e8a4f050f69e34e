//! What may happen in a state, and what it makes of it.

use std::fmt::Debug;

use stateright::{Model, Property};
use tidegate_tablets::{Change, NodeId, Version};

use super::properties;
use super::reached::{Reach, reach};
use super::scope::{Scope, TABLET};
use super::state::{Ask, At, Call, Client, Phase, Request, Running, State};

/// The cluster of a scope.
#[derive(Debug, Clone)]
pub(super) struct Cluster {
    pub(super) scope: Scope,
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    BeginMove,
    BeginPurge,
    Cancel,
    Exclude(NodeId),
    /// A node applies the metadata up to there.
    Apply(NodeId, Version),
    /// The coordinator follows to the newest metadata.
    Follow,
    /// The coordinator's change is decided.
    Propose,
    /// The coordinator is replaced; its change is left on its way, or not.
    FailOver {
        leaves_change: bool,
    },
    /// That change is decided.
    DecideLeft,
    /// A call reaches its node.
    Deliver(Call),
    /// An answer reaches the coordinator.
    Answer(Call),
    /// A call, or its answer, is lost.
    Lose(Call),
    /// The coordinator gives up on a call that is still on its way.
    Delay(Call),
    /// A second copy of a call comes later.
    Duplicate(Call),
    /// A barrier reaches its deadline.
    Deadline(Call),
    /// A source sends what it has.
    Serve(NodeId, NodeId, Running),
    /// A call into an engine ends.
    Land(NodeId, Running),
    /// A node deletes what its metadata does not know any more.
    Sweep(NodeId),
    /// A node crashes, and starts with metadata that much older.
    Restart(NodeId, u64),
    /// The client tries to delete.
    Delete,
    /// A part of a write reaches the fence.
    Arrive(Request),
    /// It takes effect.
    TakeEffect(Request),
}

impl Cluster {
    fn node_steps(&self, state: &State, steps: &mut Vec<Step>) {
        for node in state.nodes.iter().filter(|node| node.up) {
            for version in state.next_copies(node) {
                steps.push(Step::Apply(node.id, version));
            }
            for running in &node.operations {
                match running.phase {
                    Phase::Opening(source) => {
                        if state.map_of(source).is_some() {
                            steps.push(Step::Serve(node.id, source, running.clone()));
                        }
                    }
                    _ => steps.push(Step::Land(node.id, running.clone())),
                }
            }
            if state.may_sweep(node) {
                steps.push(Step::Sweep(node.id));
            }
            if state.budget.restarts > 0 && node.published {
                let lag = node.copy.as_u64() - state.log.oldest().as_u64();
                let back = (0..=self.scope.forgotten.min(lag)).map(|back| Step::Restart(node.id, back));
                steps.extend(back);
            }
        }
    }

    fn call_steps(state: &State, steps: &mut Vec<Step>) {
        let budget = &state.budget;
        for call in &state.calls {
            match &call.at {
                At::Sent => {
                    let map = state.map_of(call.node);
                    if map.is_some_and(|map| map.version() >= call.min_version) {
                        steps.push(Step::Deliver(call.clone()));
                    }
                    if call.awaited && budget.losses > 0 {
                        steps.push(Step::Lose(call.clone()));
                    }
                    if call.awaited && budget.delays > 0 {
                        steps.push(Step::Delay(call.clone()));
                    }
                    if call.awaited && budget.duplicates > 0 {
                        steps.push(Step::Duplicate(call.clone()));
                    }
                }
                At::Draining(_) => {
                    if budget.deadlines > 0 {
                        steps.push(Step::Deadline(call.clone()));
                    }
                }
                At::Joined => {}
                At::Answered(_) => {
                    steps.push(Step::Answer(call.clone()));
                    if budget.losses > 0 {
                        steps.push(Step::Lose(call.clone()));
                    }
                }
            }
        }
    }

    fn other_steps(&self, state: &State, steps: &mut Vec<Step>) {
        let budget = &state.budget;
        if state.coordinator.proposes.is_some() {
            steps.push(Step::Propose);
        }
        if state.coordinator.seen != state.log.newest().version() {
            steps.push(Step::Follow);
        }
        if budget.fail_overs > 0 && state.may_fail_over() {
            steps.push(Step::FailOver { leaves_change: false });
            if state.coordinator.proposes.is_some() {
                steps.push(Step::FailOver { leaves_change: true });
            }
        }
        if state.left_change.is_some() {
            steps.push(Step::DecideLeft);
        }
        if budget.moves > 0 {
            steps.push(Step::BeginMove);
        }
        if state.may_purge() {
            steps.push(Step::BeginPurge);
        }
        if budget.cancels > 0 && state.stage().is_some() {
            steps.push(Step::Cancel);
        }
        if budget.exclusions > 0 {
            let live = state
                .nodes
                .iter()
                .filter(|node| node.up && state.takes_part(node.id));
            steps.extend(live.map(|node| Step::Exclude(node.id)));
        }
        if self.scope.deletes && state.client == Client::Idle && !state.is_purged() {
            steps.push(Step::Delete);
        }
        for request in &state.requests {
            if request.admitted {
                steps.push(Step::TakeEffect(request.clone()));
            } else if state.may_arrive(request) {
                steps.push(Step::Arrive(request.clone()));
            }
        }
    }
}

impl Model for Cluster {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let mut state = State::first(&self.scope);
        let version = state.log.newest().version();
        let ids: Vec<NodeId> = state.nodes.iter().map(|node| node.id).collect();
        for id in ids {
            state.apply(id, version);
        }
        state.settle(&self.scope);
        vec![state]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        if state.truth.broken.is_some() {
            return;
        }
        self.node_steps(state, steps);
        Self::call_steps(state, steps);
        self.other_steps(state, steps);
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        state.happens(&step).then(|| {
            state.settle(&self.scope);
            state
        })
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

impl State {
    /// Does a step; answers false where it changes nothing.
    fn happens(&mut self, step: &Step) -> bool {
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
            Step::Propose | Step::DecideLeft | Step::FailOver { .. } => return self.coordinator_step(step),
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
            Step::FailOver { leaves_change } => {
                self.budget.fail_overs -= 1;
                if *leaves_change {
                    self.left_change = self.coordinator.proposes;
                }
                self.fail_over();
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

    /// What follows at once, and what nobody can tell apart any more.
    fn settle(&mut self, scope: &Scope) {
        self.end_barriers();
        self.skip_what_concerns_nobody();
        self.calls.retain(|call| call.awaited || call.at == At::Sent);
        self.calls.sort_unstable();
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
