//! The journal itself: what is in it, and how much of it is kept.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tidegate_coordinator::{EndedTransition, TransitionStatus};
use tidegate_tablets::{Metadata, Tablet, TabletId, Touched, Transition, TransitionKind, Update};

use super::noted::Noted;
use crate::api::{self, JournalEntry, JournalEvent, MoveOutcome, MoveRecord};

/// Moves of one tablet that are kept.
pub(super) const MOVES_PER_TABLET: usize = 16;

/// Moves that are kept in all.
pub(super) const MOVES_MAX: usize = 4096;

/// Lines that are kept.
pub(super) const ENTRIES_MAX: usize = 8192;

/// What is in the journal.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// Of each tablet, the oldest first; the last may run.
    moves: BTreeMap<TabletId, VecDeque<Noted>>,
    /// The tablets whose last move runs.
    running: BTreeSet<TabletId>,
    /// In the order in which they began.
    order: VecDeque<(TabletId, u64)>,
    entries: VecDeque<JournalEntry>,
}

impl Book {
    pub(super) fn note_update(&mut self, update: &Update, now_ms: u64) {
        let metadata = &*update.metadata;
        match &update.touched {
            Touched::Tablets(tablets) => {
                for tablet in tablets {
                    self.note_tablet(metadata, *tablet, now_ms);
                }
            }
            Touched::All => {
                let moving = metadata.tablets.iter().filter(|(_, it)| it.transition.is_some());
                let known: BTreeSet<TabletId> = self.running.iter().copied().collect();
                let tablets: BTreeSet<TabletId> = moving.map(|(id, _)| *id).chain(known).collect();
                for tablet in tablets {
                    self.note_tablet(metadata, tablet, now_ms);
                }
            }
        }
    }

    fn note_tablet(&mut self, metadata: &Metadata, id: TabletId, now_ms: u64) {
        let tablet = metadata.tablets.get(&id);
        let transition = tablet.and_then(|tablet| tablet.transition.as_ref());
        let begun = transition.map(|transition| transition.begun.as_u64());
        if self.running.contains(&id)
            && self
                .last(id)
                .is_some_and(|noted| Some(noted.record.begun) != begun)
        {
            self.end(id, tablet, now_ms);
        }
        let (Some(tablet), Some(transition)) = (tablet, transition) else {
            return;
        };
        if !self.running.contains(&id) {
            self.begin(id, transition, now_ms);
        }
        let epoch = tablet.epoch.as_u64();
        let Some(noted) = self.last(id) else { return };
        let begun = noted.record.begun;
        if noted.enter(transition, epoch, now_ms) {
            let stage = transition.stage.into();
            self.write(now_ms, id, begun, JournalEvent::Stage { stage });
        }
    }

    fn begin(&mut self, id: TabletId, transition: &Transition, now_ms: u64) {
        let noted = Noted::begin(id, transition, now_ms);
        let MoveRecord {
            begun,
            kind,
            reason,
            leaving,
            pending,
            ..
        } = noted.record;
        let kept = self.moves.entry(id).or_default();
        kept.push_back(noted);
        if kept.len() > MOVES_PER_TABLET {
            kept.pop_front();
        }
        self.running.insert(id);
        self.order.push_back((id, begun));
        // Some of those in order may be gone from their tablets already; so this bounds both.
        while self.order.len() > MOVES_MAX {
            let Some((old, begun)) = self.order.pop_front() else {
                break;
            };
            self.forget(old, begun);
        }
        let began = JournalEvent::Began {
            kind,
            reason,
            leaving,
            pending,
        };
        self.write(now_ms, id, begun, began);
    }

    fn forget(&mut self, id: TabletId, begun: u64) {
        let Some(kept) = self.moves.get_mut(&id) else {
            return;
        };
        kept.retain(|noted| noted.record.begun != begun);
        if kept.is_empty() {
            self.moves.remove(&id);
            self.running.remove(&id);
        }
    }

    fn end(&mut self, id: TabletId, tablet: Option<&Tablet>, now_ms: u64) {
        self.running.remove(&id);
        let Some(noted) = self.last(id) else { return };
        let outcome = noted.outcome(tablet);
        let took_ms = noted.end(outcome, now_ms);
        let begun = noted.record.begun;
        self.write(now_ms, id, begun, JournalEvent::Ended { outcome, took_ms });
    }

    /// What the coordinator tells of one that runs.
    pub(super) fn note_running(&mut self, status: &TransitionStatus, now_ms: u64) {
        let (id, begun) = (status.tablet, status.begun.as_u64());
        let Some(noted) = self.find(id, begun) else { return };
        let error = noted.tried(u64::from(status.attempts), status.last_error.as_deref());
        let why = noted.told(None, status.went_back.as_deref());
        if let Some(error) = error {
            self.write(now_ms, id, begun, JournalEvent::Retry { error });
        }
        if let Some(why) = why {
            self.write(now_ms, id, begun, JournalEvent::GoesBack { why });
        }
    }

    /// Why one goes back, said by who is no coordinator.
    pub(super) fn note_back(
        &mut self,
        metadata: &Metadata,
        id: TabletId,
        begun: u64,
        why: &str,
        now_ms: u64,
    ) {
        if self.find(id, begun).is_none() {
            // Whoever follows the metadata has not come so far yet.
            self.note_tablet(metadata, id, now_ms);
        }
        let Some(noted) = self.find(id, begun) else { return };
        if let Some(why) = noted.told(None, Some(why)) {
            self.write(now_ms, id, begun, JournalEvent::GoesBack { why });
        }
    }

    /// What the coordinator tells of one that has ended.
    pub(super) fn note_ended(&mut self, ended: &EndedTransition, now_ms: u64) {
        let (id, begun) = (ended.tablet, ended.begun.as_u64());
        let Some(noted) = self.find(id, begun) else { return };
        if let Some(why) = noted.told(ended.last_error.as_deref(), ended.went_back.as_deref()) {
            self.write(now_ms, id, begun, JournalEvent::GoesBack { why });
        }
    }

    /// The newest first.
    pub(super) fn moves(&self, tablet: Option<TabletId>, limit: usize) -> Vec<MoveRecord> {
        let wanted = |id: &TabletId| tablet.is_none_or(|tablet| tablet == *id);
        let newest = self.order.iter().rev().filter(|(id, _)| wanted(id));
        let found = newest.filter_map(|(id, begun)| {
            let kept = self.moves.get(id)?;
            kept.iter().find(|noted| noted.record.begun == *begun)
        });
        found.take(limit).map(|noted| noted.record.clone()).collect()
    }

    /// The last ones, the oldest of them first.
    pub(super) fn entries(&self, tablet: Option<TabletId>, limit: usize) -> Vec<JournalEntry> {
        let wanted = |entry: &&JournalEntry| tablet.is_none_or(|tablet| tablet.as_u64() == entry.tablet);
        let mut last: Vec<_> = self
            .entries
            .iter()
            .rev()
            .filter(wanted)
            .take(limit)
            .cloned()
            .collect();
        last.reverse();
        last
    }

    /// When a transition that runs, and its stage, began.
    pub(super) fn began(&self, id: TabletId, begun: u64) -> Option<(u64, u64)> {
        let noted = self.moves.get(&id)?.back()?;
        let record = &noted.record;
        (record.begun == begun).then_some((record.at_ms, record.stages.last()?.at_ms))
    }

    fn last(&mut self, id: TabletId) -> Option<&mut Noted> {
        self.moves.get_mut(&id)?.back_mut()
    }

    fn find(&mut self, id: TabletId, begun: u64) -> Option<&mut Noted> {
        let kept = self.moves.get_mut(&id)?;
        kept.iter_mut().rev().find(|noted| noted.record.begun == begun)
    }

    fn write(&mut self, at_ms: u64, tablet: TabletId, begun: u64, what: JournalEvent) {
        if self.entries.len() >= ENTRIES_MAX {
            self.entries.pop_front();
        }
        self.entries.push_back(JournalEntry {
            at_ms,
            tablet: tablet.as_u64(),
            begun,
            what,
        });
    }
}

/// How a transition ended, by the last stage that was seen and the tablet as it is now.
pub(super) fn outcome(record: &MoveRecord, old: &BTreeSet<u64>, tablet: Option<&Tablet>) -> MoveOutcome {
    let Some(tablet) = tablet else {
        return MoveOutcome::TableDropped;
    };
    let now: BTreeSet<u64> = tablet.replicas.iter().map(|node| node.as_u64()).collect();
    match record.stages.last().map(|last| last.stage) {
        _ if record.kind == api::Kind::from(TransitionKind::Purge) => MoveOutcome::Completed,
        Some(api::Stage::UseNew | api::Stage::Cleanup | api::Stage::EndMigration) => MoveOutcome::Completed,
        Some(
            api::Stage::CleanupTarget | api::Stage::RevertMigration | api::Stage::WriteBothReadOldFallback,
        ) => MoveOutcome::WentBack,
        _ if now == *old => MoveOutcome::WentBack,
        _ if record.pending.is_some_and(|pending| now.contains(&pending)) => MoveOutcome::Completed,
        _ => MoveOutcome::Unknown,
    }
}
