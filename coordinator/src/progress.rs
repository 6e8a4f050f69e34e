//! What a driver knows beside the metadata.

mod agenda;
mod step;
mod tablet;

use std::collections::{BTreeMap, BTreeSet};

use tidegate_guard::SessionId;
use tidegate_tablets::{Epoch, Metadata, NodeId, Tablet, TabletId, Touched};

use self::agenda::Agenda;
use crate::config::{RetryConfig, Schedule};
use crate::{OperationKind, WayBack};

pub(crate) use self::step::Meaning;
pub use self::step::{Step, StepError, StepState};
pub(crate) use self::tablet::Left;
pub use self::tablet::TabletProgress;

/// What a driver knows beside the metadata, and may lose at any time: calls that run, results, retries.
///
/// A barrier's result is kept for the epoch it was asked for, an operation's for its session; what comes for
/// another is dropped without a trace. Times are milliseconds since a moment that the caller chose.
#[derive(Debug, Clone)]
pub struct Progress {
    retry: RetryConfig,
    schedule: Schedule,
    tablets: BTreeMap<TabletId, TabletProgress>,
    agenda: Agenda,
}

impl Progress {
    /// Knows nothing yet.
    #[must_use]
    pub fn new(retry: RetryConfig) -> Self {
        Self {
            schedule: Schedule::new(&retry),
            retry,
            tablets: BTreeMap::new(),
            agenda: Agenda::default(),
        }
    }

    /// The budget and the delays.
    #[must_use]
    pub const fn retry(&self) -> &RetryConfig {
        &self.retry
    }

    /// Takes note of newer metadata: forgets what was asked at epochs and under sessions that are gone, and
    /// learns of new transitions. The first call needs [`Touched::All`].
    pub fn observe(&mut self, metadata: &Metadata, touched: &Touched, now_ms: u64) {
        self.observe_and_tell(metadata, touched, now_ms);
    }

    pub(crate) fn observe_and_tell(
        &mut self,
        metadata: &Metadata,
        touched: &Touched,
        now_ms: u64,
    ) -> Vec<Left> {
        let mut left = Vec::new();
        match touched {
            Touched::Tablets(ids) => {
                left.reserve(ids.len());
                for id in ids {
                    left.extend(self.observe_tablet(*id, metadata.tablets.get(id), now_ms));
                }
            }
            Touched::All => {
                let gone: Vec<TabletId> = self
                    .tablets
                    .keys()
                    .filter(|id| metadata.tablets.get(*id).is_none())
                    .copied()
                    .collect();
                for id in gone {
                    left.extend(self.observe_tablet(id, None, now_ms));
                }
                for (id, tablet) in metadata.tablets.iter() {
                    left.extend(self.observe_tablet(*id, Some(tablet), now_ms));
                }
            }
        }
        left
    }

    fn observe_tablet(&mut self, id: TabletId, tablet: Option<&Tablet>, now_ms: u64) -> Option<Left> {
        let found = tablet.and_then(|tablet| Some((tablet.epoch, tablet.transition.as_ref()?)));
        let Some((epoch, transition)) = found else {
            let entry = self.tablets.remove(&id)?;
            // Whatever it waits for it wants no more.
            self.agenda.add(id);
            self.agenda.wake_at(id, None);
            return Some(entry.left(id, now_ms, true));
        };
        self.agenda.add(id);
        let Some(entry) = self.tablets.get_mut(&id) else {
            self.tablets
                .insert(id, TabletProgress::new(epoch, transition, now_ms));
            return None;
        };
        if entry.begun != transition.begun {
            let left = entry.left(id, now_ms, true);
            *entry = TabletProgress::new(epoch, transition, now_ms);
            return Some(left);
        }
        let left = (entry.stage != transition.stage).then(|| entry.left(id, now_ms, false));
        entry.follow(epoch, transition, now_ms);
        left
    }

    /// The tablets in transition, in order.
    pub fn tablets(&self) -> impl Iterator<Item = (TabletId, &TabletProgress)> {
        self.tablets.iter().map(|(id, entry)| (*id, entry))
    }

    /// What is known about a tablet's transition.
    #[must_use]
    pub fn tablet(&self, tablet: TabletId) -> Option<&TabletProgress> {
        self.tablets.get(&tablet)
    }

    /// When the next step that waits for a retry is due, if any is later than `now_ms`.
    #[must_use]
    pub fn next_due_ms(&self, now_ms: u64) -> Option<u64> {
        let due = |entry: &TabletProgress| entry.next_due_ms(now_ms);
        self.tablets.values().filter_map(due).min()
    }

    /// The tablets of which [`plan`](crate::plan) may say something else than the last time they were taken from here:
    /// those that were [observed](Self::observe), of which something ended, or that have waited long enough.
    pub(crate) fn take_agenda(&mut self, now_ms: u64) -> BTreeSet<TabletId> {
        while let Some(tablet) = self.agenda.pop_due(now_ms) {
            // Another of its steps may have a later time.
            let next = self
                .tablets
                .get(&tablet)
                .and_then(|entry| entry.next_due_ms(now_ms));
            self.agenda.wake_at(tablet, next);
            self.agenda.add(tablet);
        }
        self.agenda.take()
    }

    /// A node was excluded: every tablet is planned again, and what the node was asked for is not waited for.
    pub(crate) fn look_past(&mut self, node: NodeId) {
        for (tablet, entry) in &mut self.tablets {
            // Its calls are aborted and will not end: others of the stage must not look as if one still ran.
            entry.barriers.remove(&node);
            entry.operations.retain(|(_, asked), _| *asked != node);
            self.agenda.add(*tablet);
        }
    }

    /// When the next tablet comes on the agenda by itself; the past where one is about to.
    pub(crate) fn agenda_due_ms(&self) -> Option<u64> {
        self.agenda.due_ms()
    }

    /// A barrier was asked for.
    pub fn barrier_started(&mut self, tablet: TabletId, epoch: Epoch, node: NodeId) {
        if let Some(step) = self.barrier_mut(tablet, epoch, node) {
            step.state = StepState::Running;
        }
    }

    /// A barrier was answered, or was not.
    pub fn barrier_ended(
        &mut self,
        tablet: TabletId,
        epoch: Epoch,
        node: NodeId,
        result: Result<(), StepError>,
        now_ms: u64,
    ) {
        self.end(tablet, result, now_ms, |entry| {
            #[cfg(tidegate_mutants)]
            if tidegate_mutants::on("ack-of-other-version") {
                return Some(entry.barriers.entry(node).or_default());
            }
            (entry.epoch == epoch).then(|| entry.barriers.entry(node).or_default())
        });
    }

    /// An operation was asked for.
    pub fn operation_started(
        &mut self,
        tablet: TabletId,
        session: SessionId,
        kind: OperationKind,
        node: NodeId,
    ) {
        let entry = self
            .tablets
            .get_mut(&tablet)
            .filter(|entry| entry.session == Some(session));
        if let Some(entry) = entry {
            entry.operations.entry((kind, node)).or_default().state = StepState::Running;
        }
    }

    /// An operation was answered, or was not.
    pub fn operation_ended(
        &mut self,
        tablet: TabletId,
        session: SessionId,
        kind: OperationKind,
        node: NodeId,
        result: Result<(), StepError>,
        now_ms: u64,
    ) {
        self.end(tablet, result, now_ms, |entry| {
            (entry.session == Some(session)).then(|| entry.operations.entry((kind, node)).or_default())
        });
    }

    /// A change of the tablet at `epoch` was proposed.
    pub fn change_started(&mut self, tablet: TabletId, epoch: Epoch, back: Option<&WayBack>) {
        if let Some(entry) = self.tablets.get_mut(&tablet).filter(|entry| entry.epoch == epoch) {
            entry.change.state = StepState::Running;
            entry.back = back.map(ToString::to_string).or_else(|| entry.back.take());
        }
    }

    /// The proposal was accepted (the metadata that shows it is on its way), or was not, and why.
    pub fn change_ended(&mut self, tablet: TabletId, epoch: Epoch, result: Result<(), String>, now_ms: u64) {
        let Self {
            retry,
            schedule,
            tablets,
            agenda,
        } = self;
        let Some(entry) = tablets.get_mut(&tablet).filter(|entry| entry.epoch == epoch) else {
            return;
        };
        match result {
            // Where the metadata does not come, the change is proposed again: its epoch makes that harmless.
            Ok(()) => entry.change.rest(now_ms.saturating_add(schedule.after(u32::MAX))),
            Err(error) => {
                agenda.add(tablet);
                entry.last_error = Some(error.clone());
                entry.change.fail(Meaning::Failed, error, retry, schedule, now_ms);
            }
        }
        agenda.wake_at(tablet, entry.next_due_ms(now_ms));
    }

    /// The error of a stage that has no way back was reported.
    pub fn gave_up(&mut self, tablet: TabletId, epoch: Epoch) {
        if let Some(entry) = self.tablets.get_mut(&tablet).filter(|entry| entry.epoch == epoch) {
            entry.gave_up = true;
        }
    }

    fn barrier_mut(&mut self, tablet: TabletId, epoch: Epoch, node: NodeId) -> Option<&mut Step> {
        let entry = self
            .tablets
            .get_mut(&tablet)
            .filter(|entry| entry.epoch == epoch)?;
        Some(entry.barriers.entry(node).or_default())
    }

    fn end(
        &mut self,
        tablet: TabletId,
        result: Result<(), StepError>,
        now_ms: u64,
        step: impl FnOnce(&mut TabletProgress) -> Option<&mut Step>,
    ) {
        let Self {
            retry,
            schedule,
            tablets,
            agenda,
        } = self;
        let Some(entry) = tablets.get_mut(&tablet) else {
            return;
        };
        let Some(step) = step(entry) else { return };
        match result {
            Ok(()) => {
                step.succeed();
                // While others of the stage run nothing follows from this: the last one's end is planned for.
                if !entry.is_asked() {
                    agenda.add(tablet);
                }
            }
            Err(error) => {
                agenda.add(tablet);
                let (meaning, error) = (error.meaning(), error.to_string());
                step.fail(meaning, error.clone(), retry, schedule, now_ms);
                if meaning != Meaning::Again {
                    entry.last_error = Some(error);
                }
                agenda.wake_at(tablet, entry.next_due_ms(now_ms));
            }
        }
    }
}
