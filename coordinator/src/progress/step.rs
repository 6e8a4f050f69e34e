//! One thing that is asked of one node.

use crate::config::{RetryConfig, Schedule};
use crate::{BarrierError, CallError, OperationError};
use tidegate_guard::Rejected;

/// Where one thing that is asked of one node stands, and what its tries have brought.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Step {
    /// Where it stands.
    pub state: StepState,
    /// Tries that failed.
    pub failures: u32,
    /// Answers that said that the asker is behind, and counted for nothing.
    pub behind: u32,
    /// The node has said that it cannot succeed there.
    pub hopeless: bool,
    /// Not to be asked again before, in milliseconds.
    pub not_before_ms: u64,
    /// What the last try that failed said.
    pub error: Option<String>,
}

/// Where one thing that is asked of one node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StepState {
    /// Nobody asks for it now.
    #[default]
    Idle,
    /// A call runs.
    Running,
    /// It is done.
    Done,
}

/// What an answer other than success means for the next try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// It goes on there: ask again.
    Again,
    /// The asker's metadata is behind: read it anew, then ask again.
    Behind,
    /// A failure that counts.
    Failed,
    /// It cannot succeed there.
    Hopeless,
}

impl Step {
    pub(crate) const IDLE: &'static Self = &Self {
        state: StepState::Idle,
        failures: 0,
        behind: 0,
        hopeless: false,
        not_before_ms: 0,
        error: None,
    };

    /// Whether it is done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == StepState::Done
    }

    /// Whether it may be asked for now.
    #[must_use]
    pub fn is_due(&self, now_ms: u64) -> bool {
        self.state == StepState::Idle && self.not_before_ms <= now_ms
    }

    /// Whether as many tries failed as the budget allows, or one that was hopeless.
    #[must_use]
    pub fn is_spent(&self, failures_max: u32) -> bool {
        !self.is_done() && (self.hopeless || self.failures >= failures_max.max(1))
    }

    pub(crate) fn succeed(&mut self) {
        *self = Self {
            state: StepState::Done,
            ..Self::default()
        };
    }

    /// Not asked for again before that moment, unless the metadata changes.
    pub(crate) fn rest(&mut self, until_ms: u64) {
        *self = Self {
            not_before_ms: until_ms,
            ..Self::default()
        };
    }

    pub(crate) fn fail(
        &mut self,
        meaning: Meaning,
        error: String,
        retry: &RetryConfig,
        schedule: &Schedule,
        now_ms: u64,
    ) {
        if self.is_done() {
            return;
        }
        self.state = StepState::Idle;
        self.not_before_ms = now_ms.saturating_add(match meaning {
            Meaning::Again => schedule.after(1),
            Meaning::Behind if self.behind < retry.behind_answers_max => {
                self.behind += 1;
                schedule.after(self.behind)
            }
            Meaning::Behind | Meaning::Failed | Meaning::Hopeless => {
                self.failures = self.failures.saturating_add(1);
                self.hopeless |= meaning == Meaning::Hopeless;
                if self.hopeless {
                    schedule.after(u32::MAX)
                } else {
                    schedule.after(self.failures)
                }
            }
        });
        if meaning != Meaning::Again {
            self.error = Some(error);
        }
    }
}

/// Why a call brought no success.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// The node was not reached, or gave no answer.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The node's barrier is not done.
    #[error(transparent)]
    Barrier(#[from] BarrierError),
    /// The node's operation is not done.
    #[error(transparent)]
    Operation(#[from] OperationError),
    /// The call ended without an answer for this tablet.
    #[error("the node gave no answer for this tablet")]
    NoAnswer,
}

impl StepError {
    pub(crate) fn meaning(&self) -> Meaning {
        match self {
            Self::Operation(OperationError::Running) => Meaning::Again,
            Self::Operation(
                OperationError::Rejected(Rejected::Closing | Rejected::Closed) | OperationError::Mismatch(_),
            )
            | Self::Barrier(BarrierError::Superseded { .. }) => Meaning::Behind,
            Self::Operation(OperationError::Hopeless(_)) => Meaning::Hopeless,
            _ => Meaning::Failed,
        }
    }
}
