//! What has to happen in some run: an invariant that nothing ever puts to the test says nothing.

use std::collections::BTreeMap;

use tidegate_session::SessionState;
use tidegate_tablets::{Metadata, Stage, TabletId, Transition, TransitionKind};

use crate::event::{ClientAnswer, EffectKind, Event};
use crate::invariants::facts::Facts;

macro_rules! names {
    ($($name:ident = $text:literal;)*) => {
        $(const $name: &str = $text;)*
        /// All of them.
        const ALL: &[&str] = &[$($text),*];
    };
}

names! {
    MIGRATED = "a migration completed";
    REBUILT = "a rebuild completed";
    PURGED = "a purge completed";
    WENT_BACK = "a transition went back";
    FELL_BACK = "reads went back to the old set";
    DROPPED = "a table went in mid-transition";
    AGAIN = "a tablet was in transition a second time";
    RETURNED = "a tablet came back to a node that it had left";
    GIVEN_UP = "acknowledged writes were given up";
    REFUSED = "a change was refused";
    EXCLUDED = "a node was excluded in mid-transition";
    BALANCING_OFF = "balancing was switched off in mid-transition";
    FAILED_OVER = "a coordinator started in mid-transition";
    SKIPPED = "a node skipped states by a snapshot";
    WRITE_UNKNOWN = "the outcome of a write was unknown";
    FAILED = "an operation of a client failed";
    HELD = "a barrier named its holders";
    SUPERSEDED = "a barrier came too late";
    BARRIER_BEHIND = "a barrier met a node that was behind";
    OPERATION_FAILED = "an operation of a coordinator was not done";
    THAW_REFUSED = "a guard was refused";
    OUTLIVED = "an engine call ran on while its session was closing";
    LATE_ATTACH = "an attach ended after its session began to close";
    ATTACHED = "an attach was done";
    NOT_DONE = "an engine call was not done";
    REMOVED_UNFENCED = "a tablet was removed under no session";
    TOMBSTONES_PURGED = "tombstones were dropped";
    FILLED = "a fill wrote rows";
}

/// How often each thing that has to happen in some run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sometimes {
    counts: BTreeMap<&'static str, u64>,
    /// The nodes that each tablet has left.
    left: Vec<(TabletId, u64)>,
    ended: Vec<TabletId>,
}

impl Default for Sometimes {
    fn default() -> Self {
        Self {
            counts: ALL.iter().map(|name| (*name, 0)).collect(),
            left: Vec::new(),
            ended: Vec::new(),
        }
    }
}

impl Sometimes {
    /// The counts, by what they count.
    #[must_use]
    pub const fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }

    /// What never happened.
    #[must_use]
    pub fn never(&self) -> Vec<&'static str> {
        let never = self.counts.iter().filter(|(_, count)| **count == 0);
        never.map(|(name, _)| *name).collect()
    }

    /// Adds what happened in other runs.
    pub fn add(&mut self, other: &Self) {
        for (name, count) in &other.counts {
            *self.counts.entry(name).or_default() += count;
        }
    }

    fn count(&mut self, name: &'static str) {
        *self.counts.entry(name).or_default() += 1;
    }

    pub(super) fn take_in(&mut self, event: &Event, facts: &Facts) {
        match event {
            Event::Decided {
                outcomes, touched, ..
            } => {
                if outcomes.iter().any(Result::is_err) {
                    self.count(REFUSED);
                }
                self.cluster_wide(facts);
                for id in touched {
                    self.step(*id, facts);
                }
            }
            Event::Applied { snapshot: true, .. } => self.count(SKIPPED),
            Event::CoordinatorStarted { .. } => {
                let mut tablets = facts.metadata.tablets.values();
                if tablets.any(|tablet| tablet.transition.is_some()) {
                    self.count(FAILED_OVER);
                }
            }
            Event::Returned { answer, .. } => match answer {
                ClientAnswer::Unknown => self.count(WRITE_UNKNOWN),
                ClientAnswer::Failed => self.count(FAILED),
                _ => {}
            },
            Event::BarrierAnswered {
                result: Err(error), ..
            } => {
                if error.starts_with("held by") {
                    self.count(HELD);
                } else if error.contains("already") {
                    self.count(SUPERSEDED);
                } else if error.contains("not ready") {
                    self.count(BARRIER_BEHIND);
                }
            }
            Event::OperationAnswered { result: Err(_), .. } => self.count(OPERATION_FAILED),
            Event::Thawed { given: None, .. } => self.count(THAW_REFUSED),
            Event::Session {
                node,
                session,
                state: SessionState::Closing,
                ..
            } => {
                let mut running = facts.running(*node, TabletId::of_session(*session));
                if running.any(|(_, effect)| effect.session == Some(*session)) {
                    self.count(OUTLIVED);
                }
            }
            Event::EffectEnded { .. } => self.effect(facts),
            _ => {}
        }
    }

    fn effect(&mut self, facts: &Facts) {
        let Some(effect) = &facts.ended else { return };
        if !effect.done {
            return self.count(NOT_DONE);
        }
        match (effect.kind, effect.session) {
            (EffectKind::Attach, Some(session)) => {
                self.count(ATTACHED);
                if facts.state(effect.node, session) == Some(SessionState::Closing) {
                    self.count(LATE_ATTACH);
                }
            }
            (EffectKind::Remove, None) => self.count(REMOVED_UNFENCED),
            (EffectKind::Purge, _) => self.count(TOMBSTONES_PURGED),
            (EffectKind::Write, Some(_)) => self.count(FILLED),
            _ => {}
        }
    }

    /// What was decided of no tablet.
    fn cluster_wide(&mut self, facts: &Facts) {
        let (before, after) = (&facts.previous, &facts.metadata);
        let excluded = |map: &Metadata| map.nodes.values().filter(|node| node.excluded).count();
        let moves = after.tablets.values().any(|tablet| tablet.transition.is_some());
        if moves && excluded(before) < excluded(after) {
            self.count(EXCLUDED);
        }
        if moves && before.balancing && !after.balancing {
            self.count(BALANCING_OFF);
        }
    }

    fn step(&mut self, id: TabletId, facts: &Facts) {
        let of = |metadata: &Metadata| -> Option<Transition> {
            metadata
                .tablets
                .get(&id)
                .and_then(|tablet| tablet.transition.clone())
        };
        let (before, after) = (of(&facts.previous), of(&facts.metadata));
        if facts.given_up.contains(&id) && before != after {
            self.count(GIVEN_UP);
        }
        match (before, after) {
            (None, Some(begun)) => {
                if self.ended.contains(&id) {
                    self.count(AGAIN);
                }
                let pending = begun.pending().map(|node| (id, node.as_u64()));
                if pending.is_some_and(|place| self.left.contains(&place)) {
                    self.count(RETURNED);
                }
            }
            (Some(_), None) if !facts.metadata.tablets.contains_key(&id) => self.count(DROPPED),
            (Some(ended), None) => {
                self.ended.push(id);
                self.count(match (ended.stage, ended.kind) {
                    (Stage::RevertMigration, _) => WENT_BACK,
                    (_, TransitionKind::Migration) => MIGRATED,
                    (_, TransitionKind::Rebuild) => REBUILT,
                    (_, TransitionKind::Purge) => PURGED,
                });
                let left = ended.leaving().filter(|_| ended.stage == Stage::EndMigration);
                self.left.extend(left.map(|node| (id, node.as_u64())));
            }
            (Some(from), Some(to))
                if from.stage != to.stage && to.stage == Stage::WriteBothReadOldFallback =>
            {
                self.count(FELL_BACK);
            }
            _ => {}
        }
    }
}
