//! What a million open sessions that nobody holds take of memory: by how much the resident memory of a new process
//! grows while it opens them, one by one and in no order. The allocator's and the maps' slack is in it.

use anyhow::Result;
use tidegate_session::Sessions as _;

use super::reference::Reference;
use super::registry;
use crate::bound::{Bound, Limit};
use crate::case::{Better, Case, Effort, Sample};
use crate::growth::{self, Growth};

const COUNT: u32 = 1_000_000;

const REFERENCE: &str = "CancellationToken + TaskTracker";

pub(super) fn case(effort: Effort) -> Result<Case> {
    let of = |growth: Growth| {
        move || {
            Ok(Sample::of(
                growth::measure(growth, COUNT)? as f64 / f64::from(COUNT),
            ))
        }
    };
    Ok(Case::new("B/session", Better::Less, effort.pick(2, 7))
        .against(REFERENCE)
        .way(REFERENCE, of(Growth::TokensAndTrackers))
        .way("tidegate", of(Growth::Sessions))
        .way("tidegate, in one change", of(Growth::SessionsAtOnce))
        .bound(Bound::value("tidegate", "B/session", Limit::AtMost(160.0)))
        .bound(Bound::value(
            "tidegate, in one change",
            "B/session",
            Limit::AtMost(160.0),
        )))
}

/// How much a registry with that many sessions takes.
pub(crate) fn sessions(count: u32) -> Result<u64> {
    let ids = registry::shuffled(registry::ids(count));
    growth::of(|| {
        let sessions = registry::open(&[]);
        for id in &ids {
            sessions.apply(&[], &[*id]);
        }
        sessions
    })
}

/// How much one takes that opens all of them in one change.
pub(crate) fn sessions_at_once(count: u32) -> Result<u64> {
    let ids = registry::shuffled(registry::ids(count));
    growth::of(|| registry::open(&ids))
}

/// How much the reference takes.
pub(crate) fn tokens_and_trackers(count: u32) -> Result<u64> {
    let ids = registry::shuffled(registry::ids(count));
    growth::of(|| Reference::open(&ids))
}
