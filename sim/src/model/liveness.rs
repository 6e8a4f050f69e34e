//! What comes in the end, checked in each state alone.
//!
//! The checker's own `eventually` looks at where a path ends, takes what held once on any way to a state for held on
//! every way, and does not see a circle. So it is not used. Instead, two things hold in each state, and together they
//! say that every run ends at rest, whatever the order of its steps:
//!
//! - where nothing goes on by itself, everything is at rest: no fault, and nothing that a person might still ask for,
//!   counts as going on;
//! - every step that goes on by itself raises the [rank](rank), which has a bound until the next fault or wish. Those
//!   have budgets; so no run goes on for ever, and none goes round in a circle. A retry is a step that raises nothing,
//!   unless it is paid for by a fault, by a failure that the product counts, or by newer metadata.

use super::state::{Answer, At, Client, Node, Phase, Row, State};

/// The name of the first property.
pub(super) const STOPPED: &str =
    "I9: where nothing goes on by itself, no transition, call or session is left";

/// The name of the second.
pub(super) const ROUND: &str = "I9: every step that is no fault brings the end nearer";

/// Nothing is left to do, for anybody.
pub(super) fn is_at_rest(state: &State) -> bool {
    let quiet = |node: &Node| {
        let sessions = node.book.open_ids().len() + node.book.closing_ids().len();
        !node.up || (sessions == 0 && node.operations.is_empty())
    };
    state.log.newest().tablet().transition.is_none()
        && state.calls.is_empty()
        && state.requests.is_empty()
        && state.nodes.iter().all(quiet)
}

/// A step was no fault: it has led on.
pub(super) fn judge(before: &State, after: &mut State) {
    if rank(after) <= rank(before) {
        after.breaks(ROUND);
    }
}

/// How far everything is, the weightiest first.
fn rank(state: &State) -> [i64; 8] {
    let copies = state.nodes.iter().filter(|node| node.up);
    let copies = copies.map(|node| node.copy.as_u64() as i64 + i64::from(node.published));
    let known = || {
        state
            .coordinator
            .barriers
            .iter()
            .chain(&state.coordinator.operations)
    };
    [
        state.log.newest().version().as_u64() as i64,
        state.coordinator.seen.as_u64() as i64,
        copies.sum(),
        i64::from(state.left_change.is_none()),
        match &state.client {
            Client::Idle => 0,
            Client::Trying { epoch, .. } => epoch.as_u64() as i64,
            Client::Acknowledged | Client::Unknown => i64::MAX,
        },
        known().filter(|known| known.done).count() as i64,
        known().map(|known| i64::from(known.failures)).sum(),
        -left_to_do(state),
    ]
}

/// What is under way, each by the most that can still come of it.
fn left_to_do(state: &State) -> i64 {
    let calls = state.calls.iter().map(|call| match &call.at {
        At::Sent => 20,
        At::Draining(_) | At::Joined => 2,
        // Made by a fault: it pays for the call that takes its place.
        At::Answered(Answer::Lost | Answer::Held) => 30,
        At::Answered(_) => 1,
    });
    let operations = state.nodes.iter().flat_map(|node| &node.operations);
    let operations = operations.map(|running| match running.phase {
        Phase::Opening(_) => 10,
        Phase::Staging(_) => 6,
        _ => 4,
    });
    let requests = state
        .requests
        .iter()
        .map(|request| if request.admitted { 2 } else { 3 });
    let data = state.nodes.iter().map(|node| {
        let row = i64::from(node.row != Row::Nothing);
        row + i64::from(node.staged.is_some())
    });
    calls.chain(operations).chain(requests).chain(data).sum()
}
