//! What always holds, what comes in the end, and what the model has to get to.

use std::collections::BTreeSet;

use stateright::Property;
use tidegate_tablets::{NodeId, Stage, quorum_of};

use super::state::{Client, Node, Row, State};
use super::step::Cluster;

type Held = fn(&Cluster, &State) -> bool;

/// Everything that is checked.
pub(super) fn all() -> Vec<Property<Cluster>> {
    let mut all: Vec<Property<Cluster>> = BREAKS
        .iter()
        .map(|(name, held)| Property::always(name, *held))
        .collect();
    all.extend([
        Property::always(
            "I5: while no transition runs, only replicas hold data",
            only_replicas_hold,
        ),
        Property::always("I6: what was acknowledged is not lost", nothing_lost),
        Property::always("I6: a deleted row does not come back", nothing_comes_back),
        Property::always("nothing is visible before it is attached", nothing_visible_early),
        Property::always("a fence is never absent where a node takes part", fence_is_set),
        Property::eventually(
            "I9: every transition ends, and every session closes",
            |_, state| is_over(state),
        ),
    ]);
    all.extend(STAGES.iter().map(|(name, held)| Property::sometimes(name, *held)));
    all.extend(USES.iter().map(|(name, held)| Property::sometimes(name, *held)));
    all
}

macro_rules! breaks {
    ($($name:literal,)*) => {
        /// What is looked at where it happens; the state remembers that it was broken.
        const BREAKS: &[(&str, Held)] = &[$(($name, |_, state| state.truth.broken != Some($name)),)*];
    };
}

breaks! {
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
}

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
    ("a second move ends where the first began", |cluster, state| {
        state.budget.moves == 0 && went_there_and_back(cluster, state)
    }),
    ("a move is cancelled", |cluster, state| {
        state.budget.cancels < cluster.scope.budget.cancels
    }),
    ("a node is excluded", |_, state| {
        state.nodes.iter().any(|node| !node.up)
    }),
    ("a node restarts", |cluster, state| {
        state.budget.restarts < cluster.scope.budget.restarts
    }),
    ("a coordinator is replaced", |cluster, state| {
        state.budget.fail_overs < cluster.scope.budget.fail_overs
    }),
    ("a call is lost", |cluster, state| {
        state.budget.losses < cluster.scope.budget.losses
    }),
    ("a call is late", |cluster, state| {
        state.budget.delays < cluster.scope.budget.delays
    }),
    ("a call comes twice", |cluster, state| {
        state.budget.duplicates < cluster.scope.budget.duplicates
    }),
    ("a barrier reaches its deadline", |cluster, state| {
        state.budget.deadlines < cluster.scope.budget.deadlines
    }),
    ("a deletion is acknowledged", |_, state| {
        state.client == Client::Acknowledged
    }),
    ("a deletion is purged", |_, state| {
        state.is_purged() && state.log.newest().tablet().transition.is_none()
    }),
];

fn went_there_and_back(cluster: &Cluster, state: &State) -> bool {
    let tablet = state.log.newest().tablet();
    let first: BTreeSet<NodeId> = cluster.scope.replicas.iter().copied().map(NodeId::new).collect();
    // Two moves forward: 8 changes each, after the first epoch.
    tablet.transition.is_none() && tablet.replicas == first && tablet.epoch.as_u64() == 17
}

fn only_replicas_hold(_: &Cluster, state: &State) -> bool {
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

fn nothing_lost(_: &Cluster, state: &State) -> bool {
    // Until somebody was told that it is deleted, the row is there, or its deletion is.
    state.client == Client::Acknowledged || every_quorum_has(state, |node| node.row != Row::Nothing)
}

fn nothing_comes_back(_: &Cluster, state: &State) -> bool {
    if state.client != Client::Acknowledged {
        return true;
    }
    if state.is_purged() && state.log.newest().tablet().transition.is_none() {
        return readers(state).all(|node| node.row != Row::Value);
    }
    every_quorum_has(state, |node| node.row != Row::Value)
}

/// What only the source has is not seen on a pending replica that has attached nothing.
fn nothing_visible_early(_: &Cluster, state: &State) -> bool {
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

fn fence_is_set(_: &Cluster, state: &State) -> bool {
    let concerned = |node: &Node| {
        let map = state.map_of(node.id);
        map.is_some_and(|map| map.tablet().concerns(node.id))
    };
    state
        .nodes
        .iter()
        .all(|node| node.fence.is_some() || !concerned(node))
}

/// Nothing is left to do, for anybody.
pub(super) fn is_over(state: &State) -> bool {
    let newest = state.log.newest();
    let quiet = |node: &Node| {
        let sessions = node.book.open_ids().len() + node.book.closing_ids().len();
        !node.up || (sessions == 0 && node.operations.is_empty())
    };
    newest.tablet().transition.is_none()
        && state.calls.is_empty()
        && state.requests.is_empty()
        && state.nodes.iter().all(quiet)
        && !state.may_purge()
        && (state.budget.moves == 0 || newest.after(&state.next_move()).is_err())
}
