//! What may happen in a state, and what it makes of it.

use std::fmt::Debug;

use stateright::{Model, Property};
use tidegate_tablets::{NodeId, Version};

use super::liveness::{self, is_at_rest};
use super::properties;
use super::scope::Scope;
use super::state::{At, Call, Client, Phase, Request, Running, State};

/// The cluster of a scope.
#[derive(Debug, Clone)]
pub(super) struct Cluster {
    pub(super) scope: Scope,
    /// What a test does to the states that a step leads to, to see that it is found.
    #[cfg(test)]
    pub(super) spoil: Option<fn(&Step, &mut State)>,
    /// The steps that a test lets never happen.
    #[cfg(test)]
    pub(super) withheld: Option<fn(&Step) -> bool>,
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
    /// The coordinator is replaced; of what it has on its way, this still comes.
    FailOver(Leaves),
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
    /// Nothing goes on, although not everything is done.
    Stop,
}

/// What a replaced coordinator leaves on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Leaves {
    Nothing,
    /// The change that it proposes.
    Change,
    /// One of its calls, which nobody waits for any more.
    Call(Call),
}

impl Step {
    /// Whether the protocol goes on by it: neither a fault nor what a person asks for.
    pub(super) const fn goes_on(&self) -> bool {
        matches!(
            self,
            Self::Apply(..)
                | Self::Follow
                | Self::Propose
                | Self::DecideLeft
                | Self::Deliver(_)
                | Self::Answer(_)
                | Self::Serve(..)
                | Self::Land(..)
                | Self::Sweep(_)
                | Self::Arrive(_)
                | Self::TakeEffect(_)
        )
    }
}

impl Cluster {
    pub(super) const fn new(scope: Scope) -> Self {
        Self {
            scope,
            #[cfg(test)]
            spoil: None,
            #[cfg(test)]
            withheld: None,
        }
    }

    /// What goes on by itself.
    fn progress(state: &State, steps: &mut Vec<Step>) {
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
        }
        for call in &state.calls {
            match &call.at {
                At::Sent => {
                    let map = state.map_of(call.node);
                    if map.is_some_and(|map| map.version() >= call.min_version) {
                        steps.push(Step::Deliver(call.clone()));
                    }
                }
                At::Answered(_) => steps.push(Step::Answer(call.clone())),
                At::Draining(_) | At::Joined => {}
            }
        }
        if state.coordinator.proposes.is_some() {
            steps.push(Step::Propose);
        }
        if state.coordinator.seen != state.log.newest().version() {
            steps.push(Step::Follow);
        }
        if state.left_change.is_some() {
            steps.push(Step::DecideLeft);
        }
        for request in &state.requests {
            if request.admitted {
                steps.push(Step::TakeEffect(request.clone()));
            } else if state.may_arrive(request) {
                steps.push(Step::Arrive(request.clone()));
            }
        }
    }

    /// What the network does wrong.
    fn call_faults(state: &State, steps: &mut Vec<Step>) {
        let budget = &state.budget;
        for call in &state.calls {
            match &call.at {
                At::Sent => {
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
                    if budget.losses > 0 {
                        steps.push(Step::Lose(call.clone()));
                    }
                }
            }
        }
    }

    /// What happens to nodes and to the coordinator.
    fn process_faults(&self, state: &State, steps: &mut Vec<Step>) {
        let budget = &state.budget;
        for node in state.nodes.iter().filter(|node| node.up && node.published) {
            if budget.restarts > 0 && !node.has_nothing() {
                let lag = node.copy.as_u64() - state.log.oldest().as_u64();
                let back = (0..=self.scope.forgotten.min(lag)).map(|back| Step::Restart(node.id, back));
                steps.extend(back);
            }
        }
        if budget.fail_overs > 0 && state.may_fail_over() {
            steps.push(Step::FailOver(Leaves::Nothing));
            if state.coordinator.proposes.is_some() {
                steps.push(Step::FailOver(Leaves::Change));
            }
            let sent = state
                .calls
                .iter()
                .filter(|call| call.awaited && call.at == At::Sent);
            steps.extend(sent.map(|call| Step::FailOver(Leaves::Call(call.clone()))));
        }
    }

    /// What operators and clients ask for.
    fn wishes(&self, state: &State, steps: &mut Vec<Step>) {
        let budget = &state.budget;
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
        Self::progress(state, steps);
        #[cfg(test)]
        if let Some(withheld) = self.withheld {
            steps.retain(|step| !withheld(step));
        }
        if steps.is_empty() && !is_at_rest(state) {
            steps.push(Step::Stop);
            return;
        }
        Self::call_faults(state, steps);
        self.process_faults(state, steps);
        self.wishes(state, steps);
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        if !state.happens(&step) {
            return None;
        }
        state.settle(&self.scope);
        #[cfg(test)]
        if let Some(spoil) = self.spoil {
            spoil(&step, &mut state);
        }
        if step.goes_on() {
            liveness::judge(last, &mut state);
        }
        properties::judge(&self.scope, &mut state);
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
