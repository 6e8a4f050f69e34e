//! What always holds, what comes in the end, and what the model has to get to.

use std::collections::BTreeSet;

use stateright::Property;
use tidegate_tablets::{NodeId, Stage, quorum_of};

use super::liveness;
use super::reached::{has_seen, see};
use super::scope::Scope;
use super::state::{Client, Node, Row, State};
use super::step::Cluster;

type Held = fn(&Scope, &State) -> bool;

/// What the checker looks at. Everything else is looked at once, where a state is made, and the state remembers what
/// was broken: the checker would look up each property by name in every state, and write down the path to every state
/// in which something holds that only has to hold at some time.
pub(super) fn all() -> Vec<Property<Cluster>> {
    vec![Property::always("nothing is broken", |_, state: &State| {
        state.truth.broken.is_none()
    })]
}

/// The names of all that always holds, and of what comes in the end.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let states = STATES.iter().map(|(name, _)| *name);
    let liveness = [liveness::STOPPED, liveness::ROUND];
    BREAKS.iter().copied().chain(states).chain(liveness)
}

/// The names of all that has to hold at some time, and whether it did.
pub(super) fn sometimes() -> impl Iterator<Item = (&'static str, bool)> {
    let names = STAGES.iter().chain(USES).map(|(name, _)| *name);
    names.enumerate().map(|(place, name)| (name, has_seen(place)))
}

/// Looks at a state that was made.
pub(super) fn judge(scope: &Scope, state: &mut State) {
    if let Some((name, _)) = STATES.iter().find(|(_, held)| !held(scope, state)) {
        state.breaks(name);
    }
    for (place, (_, held)) in STAGES.iter().chain(USES).enumerate() {
        if !has_seen(place) && held(scope, state) {
            see(place);
        }
    }
}

/// What holds in every state.
const STATES: &[(&str, Held)] = &[
    (
        "I5: while no transition runs, only replicas hold data",
        only_replicas_hold,
    ),
    ("I6: what was acknowledged is not lost", nothing_lost),
    ("I6: a deleted row does not come back", nothing_comes_back),
    ("nothing is visible before it is attached", nothing_visible_early),
    ("a fence is never absent where a node takes part", fence_is_set),
];

/// What is looked at where it happens.
const BREAKS: &[&str] = &[
    "I1: an effect happens only while its session is open or closing there",
    "I1: no effect after a barrier that follows the clearing of its session",
    "I1: no session is entered after a barrier that follows its clearing",
    "I2: what is open follows from the map alone",
    "I2: a session's id never comes back",
    "I3: a frozen guard is thawed only into the session it names",
    "I4: only a change that names the tablet's epoch is accepted",
    "I4: a tablet has at most one transition",
    "the selectors of reads and writes never change in one step",
    "a fence lets nothing in from before its node took part",
    "a barrier is answered only when the fence is up",
    "a barrier is answered only when nothing older is left",
    "a stage is left only after the barrier of every participant, at its own epoch",
    "a stage is left only after its operation",
    "I9: what the coordinator proposes by the newest metadata is not refused",
];

macro_rules! stages {
    ($($stage:ident $name:literal,)*) => {
        /// Every stage is reached.
        const STAGES: &[(&str, Held)] =
            &[$((concat!("reaches ", $name), |_, state| state.stage() == Some(Stage::$stage)),)*];
    };
}

stages! {
    AllowWriteBothReadOld "allow_write_both_read_old",
    WriteBothReadOld "write_both_read_old",
    Streaming "streaming",
    WriteBothReadNew "write_both_read_new",
    UseNew "use_new",
    Cleanup "cleanup",
    EndMigration "end_migration",
    CleanupTarget "cleanup_target",
    RevertMigration "revert_migration",
    WriteBothReadOldFallback "write_both_read_old_fallback",
    Fill "fill",
    Purge "purge",
    EndPurge "end_purge",
}

/// Every fault is used, and the interesting ends are reached.
const USES: &[(&str, Held)] = &[
    ("a second move ends where the first began", |scope, state| {
        state.budget.moves == 0 && went_there_and_back(scope, state)
    }),
    ("a move is cancelled", |scope, state| {
        state.budget.cancels < scope.budget.cancels
    }),
    ("a node is excluded", |_, state| {
        state.nodes.iter().any(|node| !node.up)
    }),
    ("a node restarts", |scope, state| {
        state.budget.restarts < scope.budget.restarts
    }),
    ("a coordinator is replaced", |scope, state| {
        state.budget.fail_overs < scope.budget.fail_overs
    }),
    ("a call is lost", |scope, state| {
        state.budget.losses < scope.budget.losses
    }),
    ("a call is late", |scope, state| {
        state.budget.delays < scope.budget.delays
    }),
    ("a call comes twice", |scope, state| {
        state.budget.duplicates < scope.budget.duplicates
    }),
    ("a barrier reaches its deadline", |scope, state| {
        state.budget.deadlines < scope.budget.deadlines
    }),
    ("a deletion is acknowledged", |_, state| {
        state.client == Client::Acknowledged
    }),
    ("a deletion is purged", |_, state| {
        state.is_purged() && state.log.newest().tablet().transition.is_none()
    }),
];

fn went_there_and_back(scope: &Scope, state: &State) -> bool {
    let tablet = state.log.newest().tablet();
    let first: BTreeSet<NodeId> = scope.replicas.iter().copied().map(NodeId::new).collect();
    // Two moves forward: 8 changes each, after the first epoch.
    tablet.transition.is_none() && tablet.replicas == first && tablet.epoch.as_u64() == 17
}

fn only_replicas_hold(_: &Scope, state: &State) -> bool {
    let tablet = state.log.newest().tablet();
    let empty = |node: &Node| node.row == Row::Nothing && node.staged.is_none();
    let mut others = state
        .nodes
        .iter()
        .filter(|node| node.up && !tablet.replicas.contains(&node.id));
    tablet.transition.is_some() || others.all(empty)
}

/// The nodes that a quorum of readers may be made of.
fn readers(state: &State) -> impl Iterator<Item = &Node> {
    let set = state.log.newest().tablet().read_set();
    state
        .nodes
        .iter()
        .filter(|node| node.up && set.contains(&node.id))
}

/// Whether some quorum of readers has one that is not `bad`.
fn every_quorum_has(state: &State, good: impl Fn(&Node) -> bool) -> bool {
    let quorum = quorum_of(state.log.newest().tablet().read_set());
    readers(state).filter(|node| !good(node)).count() < quorum
}

fn nothing_lost(_: &Scope, state: &State) -> bool {
    // Until somebody was told that it is deleted, the row is there, or its deletion is.
    state.client == Client::Acknowledged || every_quorum_has(state, |node| node.row != Row::Nothing)
}

fn nothing_comes_back(_: &Scope, state: &State) -> bool {
    if state.client != Client::Acknowledged {
        return true;
    }
    if state.is_purged() && state.log.newest().tablet().transition.is_none() {
        return readers(state).all(|node| node.row != Row::Value);
    }
    every_quorum_has(state, |node| node.row != Row::Value)
}

/// What only the source has is not seen on a pending replica that has attached nothing.
fn nothing_visible_early(_: &Scope, state: &State) -> bool {
    let Some(transition) = &state.log.newest().tablet().transition else {
        return true;
    };
    if !matches!(
        transition.stage,
        Stage::AllowWriteBothReadOld | Stage::WriteBothReadOld | Stage::Streaming
    ) {
        return true;
    }
    let Some(pending) = transition.pending().map(|pending| state.node(pending)) else {
        return true;
    };
    let attached = pending.staged.as_ref().is_some_and(|staged| staged.attached);
    !pending.up || attached || pending.row != Row::Value
}

fn fence_is_set(_: &Scope, state: &State) -> bool {
    let concerned = |node: &Node| {
        let map = state.map_of(node.id);
        map.is_some_and(|map| map.tablet().concerns(node.id))
    };
    state
        .nodes
        .iter()
        .all(|node| node.fence.is_some() || !concerned(node))
}
