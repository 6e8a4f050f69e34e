//! From a frozen guard to a guard and out again: finding the session, entering, listing the holder with its label,
//! unlisting. Beside it the bare part of it: the same look-up and a `TaskTracker` token, with no label.

use std::hint::black_box;

use anyhow::Result;
use tidegate_session::Sessions as _;

use super::reference::Reference;
use super::registry;
use crate::bound::{Bound, Limit};
use crate::case::{Better, Case, Effort, Entry, Sample};
use crate::process::alone;

const OPERATIONS: u32 = 50_000;

pub(super) fn entries() -> Vec<Entry> {
    [("1", 1), ("1e3", 1_000), ("1e6", 1_000_000)]
        .map(|(name, count)| Entry::quick(format!("guard/thaw/{name}"), move |effort| case(effort, count)))
        .into()
}

fn case(effort: Effort, count: u32) -> Result<Case> {
    let ids = registry::shuffled(registry::ids(count));
    let sessions = registry::open(&ids);
    let reference = Reference::open(&ids);
    // Another order than that in which they were opened: what lies together in memory is not asked for together.
    let asked = registry::shuffled(ids.clone());
    let asked: Vec<_> = asked.into_iter().cycle().take(OPERATIONS as usize).collect();
    let same = asked.clone();
    Ok(Case::new("ns", Better::Less, effort.pick(21, 51))
        .against("DashMap + TaskTracker")
        .way("DashMap + TaskTracker", move || {
            let ((), spent) = alone(|| {
                for id in &same {
                    drop(black_box(reference.enter(*id)));
                }
            });
            Ok(Sample::of(spent.as_secs_f64() * 1e9 / f64::from(OPERATIONS)))
        })
        .way("thaw + drop", move || {
            let (done, spent) = alone(|| -> Result<()> {
                for id in &asked {
                    drop(black_box(registry::thaw(&sessions, *id)?));
                }
                Ok(())
            });
            done?;
            anyhow::ensure!(sessions.holders().is_empty(), "everyone has left");
            Ok(Sample::of(spent.as_secs_f64() * 1e9 / f64::from(OPERATIONS)))
        })
        .bound(Bound::value("thaw + drop", "ns", Limit::AtMost(1000.0))))
}
