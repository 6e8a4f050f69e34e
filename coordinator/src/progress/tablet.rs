//! What is known about one tablet's transition.

use std::collections::BTreeMap;

use tidegate_guard::SessionId;
use tidegate_tablets::{Epoch, NodeId, Stage, TabletId, Transition};

use super::{Step, StepState};
use crate::OperationKind;

/// What is known about one tablet's transition.
#[derive(Debug, Clone)]
pub struct TabletProgress {
    pub(super) begun: Epoch,
    pub(super) epoch: Epoch,
    pub(super) stage: Stage,
    pub(super) session: Option<SessionId>,
    pub(super) stage_since_ms: u64,
    pub(super) barriers: BTreeMap<NodeId, Step>,
    pub(super) operations: BTreeMap<(OperationKind, NodeId), Step>,
    pub(super) change: Step,
    pub(super) last_error: Option<String>,
    pub(super) back: Option<String>,
    pub(super) gave_up: bool,
}

/// What [`Progress::observe`] saw happen to a transition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) tablet: TabletId,
    pub(crate) begun: Epoch,
    pub(crate) stage: Stage,
    pub(crate) after_ms: u64,
    pub(crate) last_error: Option<String>,
    pub(crate) went_back: Option<String>,
    /// The transition is gone, not only the stage.
    pub(crate) ended: bool,
}

impl TabletProgress {
    pub(super) fn new(epoch: Epoch, transition: &Transition, now_ms: u64) -> Self {
        Self {
            begun: transition.begun,
            epoch,
            stage: transition.stage,
            session: transition.session.map(|(session, _)| session),
            stage_since_ms: now_ms,
            barriers: BTreeMap::new(),
            operations: BTreeMap::new(),
            change: Step::default(),
            last_error: None,
            back: None,
            gave_up: false,
        }
    }

    pub(super) fn follow(&mut self, epoch: Epoch, transition: &Transition, now_ms: u64) {
        let session = transition.session.map(|(session, _)| session);
        if self.epoch != epoch {
            self.epoch = epoch;
            self.barriers.clear();
            self.change = Step::default();
            self.gave_up = false;
        }
        if self.session != session {
            self.session = session;
            self.operations.clear();
        }
        if self.stage != transition.stage {
            self.stage = transition.stage;
            self.stage_since_ms = now_ms;
        }
    }

    pub(super) fn left(&self, tablet: TabletId, now_ms: u64, ended: bool) -> Left {
        Left {
            tablet,
            begun: self.begun,
            stage: self.stage,
            after_ms: now_ms.saturating_sub(self.stage_since_ms),
            last_error: self.last_error.clone(),
            went_back: self.back.clone(),
            ended,
        }
    }

    /// The barrier on a node, if what is known of it is for that epoch.
    #[must_use]
    pub fn barrier(&self, epoch: Epoch, node: NodeId) -> &Step {
        if self.epoch == epoch {
            self.barriers.get(&node).unwrap_or(Step::IDLE)
        } else {
            Step::IDLE
        }
    }

    /// The operation on a node, if what is known of it is for that session.
    #[must_use]
    pub fn operation(&self, session: SessionId, kind: OperationKind, node: NodeId) -> &Step {
        if self.session == Some(session) {
            self.operations.get(&(kind, node)).unwrap_or(Step::IDLE)
        } else {
            Step::IDLE
        }
    }

    /// The proposal, if it is for that epoch.
    #[must_use]
    pub fn change(&self, epoch: Epoch) -> &Step {
        if self.epoch == epoch {
            &self.change
        } else {
            Step::IDLE
        }
    }

    /// Whether a node is being asked for something.
    pub(super) fn is_asked(&self) -> bool {
        let mut steps = self.barriers.values().chain(self.operations.values());
        steps.any(|step| step.state == StepState::Running)
    }

    /// When the next step that waits for a retry is due, if any is later than `now_ms`.
    pub(super) fn next_due_ms(&self, now_ms: u64) -> Option<u64> {
        let steps = self.barriers.values().chain(self.operations.values());
        steps
            .chain([&self.change])
            .filter(|step| step.state == StepState::Idle && step.not_before_ms > now_ms)
            .map(|step| step.not_before_ms)
            .min()
    }

    /// Failures of the stage's steps so far, all nodes together.
    #[must_use]
    pub fn failures(&self) -> u32 {
        let steps = self.barriers.values().chain(self.operations.values());
        steps
            .chain([&self.change])
            .fold(0, |sum, step| sum.saturating_add(step.failures))
    }

    /// What failed last, in this stage or in one before it.
    #[must_use]
    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// Why it goes back, where that was decided here and has come to pass.
    #[must_use]
    pub fn went_back(&self) -> Option<&str> {
        // Decided is not done: what was decided may have been refused.
        let is_back = matches!(
            self.stage,
            Stage::CleanupTarget | Stage::RevertMigration | Stage::WriteBothReadOldFallback
        );
        self.back.as_deref().filter(|_| is_back)
    }

    /// Whether the error of a stage without a way back was reported.
    #[must_use]
    pub const fn has_given_up(&self) -> bool {
        self.gave_up
    }
}
