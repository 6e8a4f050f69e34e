//! What to do next, from the metadata and from what is known of calls: a pure function.

mod action;
mod decision;
mod recipe;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use tidegate_guard::FrozenGuard;
use tidegate_tablets::{Change, Metadata, Stage, Tablet, TabletId, Transition};

use self::decision::decide;
use crate::{Progress, TabletProgress};

pub use self::action::{Action, WayBack};
pub use self::decision::{Decision, Need};

/// What to do next. Reads no clock and no randomness: the same arguments give the same actions in the same order: by
/// urgency (what an operator asked for, rebuilds, drains, the rest), then by tablet and then by node. Where there are
/// fewer places than actions, the first ones take them.
///
/// Only tablets that `progress` has [observed](Progress::observe) are looked at, so that planning costs as much as
/// there are transitions, not as much as there are tablets. What runs already, or is not due, is not in the answer;
/// limits of concurrency are the caller's: what it does not start is in the next answer again.
#[must_use]
pub fn plan(metadata: &Metadata, progress: &Progress, now_ms: u64) -> Vec<Action> {
    plan_these(metadata, progress, progress.tablets(), now_ms)
}

/// What to do next for some tablets: what [`plan`] says of them, in the same order.
pub(crate) fn plan_some(
    metadata: &Metadata,
    progress: &Progress,
    tablets: &BTreeSet<TabletId>,
    now_ms: u64,
) -> Vec<Action> {
    let known = tablets.iter().filter_map(|id| Some((*id, progress.tablet(*id)?)));
    plan_these(metadata, progress, known, now_ms)
}

fn plan_these<'a>(
    metadata: &'a Metadata,
    progress: &'a Progress,
    tablets: impl Iterator<Item = (TabletId, &'a TabletProgress)>,
    now_ms: u64,
) -> Vec<Action> {
    let one = |(id, known)| {
        let tablet = metadata.tablets.get(&id)?;
        let transition = tablet.transition.as_ref()?;
        Some(One {
            id,
            tablet,
            transition,
            known,
            metadata,
            now_ms,
        })
    };
    let mut all = Vec::with_capacity(tablets.size_hint().1.unwrap_or_default());
    all.extend(tablets.filter_map(one));
    // Stable: by tablet within.
    all.sort_by_key(|one| one.transition.reason);
    let mut actions = Vec::with_capacity(all.len());
    for one in all {
        let One {
            id,
            tablet,
            transition,
            known,
            ..
        } = one;
        match decide(metadata, transition, tablet.epoch, known, progress.retry()) {
            Decision::Advance { to, skipped, back } => one.advance(to, skipped, back, &mut actions),
            Decision::Work { needs, spent } => {
                for need in needs {
                    one.start(need, &mut actions);
                }
                if let Some(error) = spent.filter(|_| !known.has_given_up()) {
                    actions.push(Action::GiveUp {
                        tablet: id,
                        epoch: tablet.epoch,
                        error,
                    });
                }
            }
            Decision::WaitForSources { .. } => {}
        }
    }
    actions
}

/// What a tablet's transition waits for, as [`plan`] sees it; `None` without a transition.
#[must_use]
pub fn explain(metadata: &Metadata, progress: &Progress, tablet: TabletId) -> Option<Decision> {
    let known = progress.tablet(tablet)?;
    let tablet = metadata.tablets.get(&tablet)?;
    Some(decide(
        metadata,
        tablet.transition.as_ref()?,
        tablet.epoch,
        known,
        progress.retry(),
    ))
}

/// One tablet in transition, with all that is known of it.
struct One<'a> {
    id: TabletId,
    tablet: &'a Tablet,
    transition: &'a Transition,
    known: &'a TabletProgress,
    metadata: &'a Metadata,
    now_ms: u64,
}

impl One<'_> {
    fn advance(
        &self,
        to: Option<Stage>,
        skipped: Option<&'static str>,
        back: Option<WayBack>,
        actions: &mut Vec<Action>,
    ) {
        let epoch = self.tablet.epoch;
        if !self.known.change(epoch).is_due(self.now_ms) {
            return;
        }
        let change = Change::Advance {
            tablet: self.id,
            expected: epoch,
            to,
        };
        actions.push(Action::Propose {
            tablet: self.id,
            epoch,
            change,
            skipped,
            back,
        });
    }

    fn start(&self, need: Need, actions: &mut Vec<Action>) {
        let (epoch, min_version) = (self.tablet.epoch, self.metadata.version);
        match need {
            Need::Barrier { node } => {
                let step = self.known.barrier(epoch, node);
                if step.is_due(self.now_ms) {
                    let retry = step.failures > 0;
                    actions.push(Action::Barrier {
                        node,
                        tablet: self.id,
                        epoch,
                        min_version,
                        retry,
                    });
                }
            }
            Need::Operation { kind, node } => {
                let Some((session, written)) = self.transition.session else {
                    return;
                };
                let step = self.known.operation(session, kind, node);
                if step.is_due(self.now_ms) {
                    let frozen = FrozenGuard {
                        session,
                        epoch: written.as_u64(),
                    };
                    let retry = step.failures > 0;
                    actions.push(Action::Operate {
                        node,
                        kind,
                        tablet: self.id,
                        frozen,
                        min_version,
                        retry,
                    });
                }
            }
        }
    }
}
