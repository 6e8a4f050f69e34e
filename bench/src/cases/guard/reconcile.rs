//! A change of the metadata reaches the registry among so many open sessions.
//!
//! A node that is told which tablets were touched closes and opens just those sessions (`Sessions::apply`): that is what
//! one change costs, and what the bound is about. A node that starts, or installs a snapshot, says the whole set
//! (`Sessions::reconcile`), which costs as much as the set.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use tidegate_guard::SessionId;
use tidegate_session::Sessions as _;

use super::registry;
use crate::bound::{Bound, Limit};
use crate::case::{Better, Case, Effort, Entry, Sample};
use crate::process::alone;

const MILLION: u32 = 1_000_000;
const THOUSAND: u32 = 1_000;
/// Sessions that are closed, and as many opened.
const CHANGES: u32 = 20_000;
/// From the change that writes a move's first session to the one that writes its second.
const EPOCHS: u64 = 3;

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::quick("guard/reconcile/one-change", one_change),
        Entry::quick("guard/reconcile/1-of-1e6", |effort| whole(effort.pick(5, 15), 1)),
        Entry::thorough("guard/reconcile/1e3-of-1e6", |effort| {
            whole(effort.pick(5, 15), THOUSAND)
        }),
        Entry::thorough("guard/reconcile/1e6-of-1e6", |effort| {
            whole(effort.pick(3, 9), MILLION)
        }),
    ]
}

fn one_change(effort: Effort) -> Result<Case> {
    Ok(Case::new("ns/change", Better::Less, effort.pick(21, 51))
        .against("among 1e3")
        .way("among 1e3", among(THOUSAND)?)
        .way("among 1e6", among(MILLION)?)
        .bound(Bound::ratio("among 1e6", "among 1e3", Limit::AtMost(3.0))))
}

/// A tablet's session closes, and by another change that of a later epoch opens, as in a move: three epochs later. At
/// tablet after tablet, in no order.
fn among(count: u32) -> Result<impl FnMut() -> Result<Sample> + 'static> {
    let tablets = registry::shuffled((0..count).collect());
    let mut next = tablets.into_iter().cycle();
    let mut epochs: Vec<u64> = vec![3; count as usize];
    let sessions = registry::open(&registry::ids(count));
    Ok(move || {
        let changes: Vec<(SessionId, SessionId)> = next
            .by_ref()
            .take(CHANGES as usize)
            .map(|tablet| {
                let epoch = &mut epochs[tablet as usize];
                *epoch += EPOCHS;
                (
                    registry::id(tablet, *epoch - EPOCHS),
                    registry::id(tablet, *epoch),
                )
            })
            .collect();
        let ((), spent) = alone(|| {
            for (close, open) in &changes {
                sessions.apply(&[*close], &[]);
                sessions.apply(&[], &[*open]);
            }
        });
        ensure!(sessions.open_sessions().len() == count as usize && sessions.closing_sessions().is_empty());
        Ok(Sample::of(spent.as_secs_f64() * 1e9 / f64::from(2 * CHANGES)))
    })
}

/// The whole set is said, of which `changed` are of another epoch than before.
fn whole(rounds: usize, changed: u32) -> Result<Case> {
    let sessions = registry::open(&registry::ids(MILLION));
    let mut epoch = 3;
    let mut wanted: BTreeSet<SessionId> = registry::ids(MILLION).into_iter().collect();
    Ok(Case::new("ms", Better::Less, rounds).way("tidegate", move || {
        for tablet in (0..MILLION).step_by((MILLION / changed) as usize) {
            wanted.remove(&registry::id(tablet, epoch));
            wanted.insert(registry::id(tablet, epoch + 1));
        }
        epoch += 1;
        let ((), spent) = alone(|| sessions.reconcile(&wanted));
        ensure!(sessions.open_sessions().len() == wanted.len() && sessions.closing_sessions().is_empty());
        Ok(Sample::of(spent.as_secs_f64() * 1e3))
    }))
}
