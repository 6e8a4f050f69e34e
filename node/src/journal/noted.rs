//! One move in the journal.

use std::collections::BTreeSet;

use tidegate_tablets::{NodeId, Tablet, TabletId, Transition};

use super::book::outcome;
use crate::api::{MoveOutcome, MoveRecord, StageRecord};
use crate::reports::cut;

/// Stages of one move that are kept; a move has fewer, whichever way it goes.
const STAGES_MAX: usize = 32;

/// One move in the journal, and what it takes to go on with it.
#[derive(Debug)]
pub(super) struct Noted {
    pub(super) record: MoveRecord,
    old: BTreeSet<u64>,
    /// Tries that failed in this stage, as told last.
    attempts: u64,
}

impl Noted {
    pub(super) fn begin(id: TabletId, transition: &Transition, now_ms: u64) -> Self {
        Self {
            record: MoveRecord {
                tablet: id.as_u64(),
                begun: transition.begun.as_u64(),
                kind: transition.kind.into(),
                reason: transition.reason.into(),
                leaving: transition.leaving().map(NodeId::as_u64),
                pending: transition.pending().map(NodeId::as_u64),
                at_ms: now_ms,
                took_ms: None,
                outcome: MoveOutcome::Running,
                stages: Vec::new(),
                retries: 0,
                last_error: None,
                went_back: None,
                stages_dropped: 0,
            },
            old: transition.old.iter().map(|node| node.as_u64()).collect(),
            attempts: 0,
        }
    }

    /// Whether it is at another stage than before.
    pub(super) fn enter(&mut self, transition: &Transition, epoch: u64, now_ms: u64) -> bool {
        let stage = transition.stage.into();
        let record = &mut self.record;
        if let Some(last) = record.stages.last_mut() {
            if last.stage == stage {
                return false;
            }
            last.took_ms = Some(now_ms.saturating_sub(last.at_ms));
        }
        self.attempts = 0;
        if record.stages.len() >= STAGES_MAX {
            record.stages.remove(0);
            record.stages_dropped += 1;
        }
        record.stages.push(StageRecord {
            stage,
            at_ms: now_ms,
            took_ms: None,
            epoch,
            session: transition.session.map(|(session, _)| session.to_string()),
        });
        true
    }

    pub(super) fn outcome(&self, tablet: Option<&Tablet>) -> MoveOutcome {
        outcome(&self.record, &self.old, tablet)
    }

    /// Answers how long it took.
    pub(super) fn end(&mut self, outcome: MoveOutcome, now_ms: u64) -> u64 {
        let record = &mut self.record;
        if let Some(last) = record.stages.last_mut() {
            last.took_ms = Some(now_ms.saturating_sub(last.at_ms));
        }
        let took_ms = now_ms.saturating_sub(record.at_ms);
        record.took_ms = Some(took_ms);
        record.outcome = outcome;
        took_ms
    }

    /// Tries that failed in this stage so far; answers what failed, where there are more than before.
    pub(super) fn tried(&mut self, attempts: u64, error: Option<&str>) -> Option<String> {
        let more = attempts.saturating_sub(self.attempts);
        self.attempts = attempts;
        if more == 0 {
            return None;
        }
        self.record.retries += more;
        let error = cut(error.unwrap_or("a try failed, and nothing was said of it"));
        // The same again is counted, and no line of its own.
        let new = self.record.last_error.as_ref() != Some(&error);
        self.record.last_error = Some(error.clone());
        new.then_some(error)
    }

    /// What the coordinator says at its end; answers why it went back, where that is new.
    pub(super) fn told(&mut self, error: Option<&str>, back: Option<&str>) -> Option<String> {
        if let Some(error) = error {
            self.record.last_error = Some(cut(error));
        }
        let back = cut(back?);
        let new = self.record.went_back.as_ref() != Some(&back);
        self.record.went_back = Some(back.clone());
        new.then_some(back)
    }
}
