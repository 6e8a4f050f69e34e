//! I9: with no faults left, every transition ends, and every key can be read.

use tidegate_kv::token_of;
use tidegate_tablets::{Tablet, TransitionKind, quorum_of};

use super::{Invariant, Now};
use crate::event::{ClientAnswer, ClientOp, Event};

#[derive(Debug, Default)]
pub(super) struct Liveness;

impl Invariant for Liveness {
    fn name(&self) -> &'static str {
        "I9-liveness"
    }

    fn observe(&mut self, _now: &Now<'_>, _event: &Event) -> Result<(), String> {
        Ok(())
    }

    fn at_end(&mut self, now: &Now<'_>) -> Result<(), String> {
        if !now.facts.healed {
            return Ok(());
        }
        for (id, tablet) in now.facts.metadata.tablets.iter() {
            if let Some(transition) = &tablet.transition
                && !waits_for_an_operator(now, tablet)
            {
                return Err(format!(
                    "the {} of t{id} is still in {} at epoch {}",
                    transition.kind, transition.stage, tablet.epoch
                ));
            }
        }
        reads(now)
    }
}

/// Whether the transition waits for sources that only an operator's word can make up for.
fn waits_for_an_operator(now: &Now<'_>, tablet: &Tablet) -> bool {
    let Some(transition) = &tablet.transition else {
        return false;
    };
    if transition.kind != TransitionKind::Rebuild
        || transition.fewer_sources
        || !transition.stage.cancellable()
    {
        return false;
    }
    let live = transition.old.intersection(&transition.new);
    let live = live
        .filter(|node| !now.facts.metadata.is_excluded(**node))
        .count();
    live < transition.old.len() - quorum_of(&transition.old) + 1
}

/// The last read of each key after everything has healed was answered.
fn reads(now: &Now<'_>) -> Result<(), String> {
    let histories = &now.facts.histories;
    for ((table, key), operations) in histories.places() {
        let Some((id, tablet)) = now.facts.metadata.tablet_of(*table, token_of(key)) else {
            continue;
        };
        if now.facts.given_up.contains(&id) || tablet.transition.is_some() {
            continue;
        }
        let mut reads = operations.iter().rev().filter(|o| o.what == ClientOp::Get);
        let Some(last) = reads.find(|operation| histories.is_after_healing(operation)) else {
            continue;
        };
        if !matches!(last.returned, Some((_, ClientAnswer::Value(_)))) {
            return Err(format!(
                "key {} of t{id} cannot be read: op {} came to {:?}",
                String::from_utf8_lossy(key),
                last.op,
                last.returned
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
