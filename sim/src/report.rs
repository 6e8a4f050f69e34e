//! What a run, and many runs, came to.

mod totals;

use std::time::Duration;

use serde::{Serialize, Serializer};

pub use self::totals::{FoundViolation, Totals};
use crate::coverage::Coverage;
use crate::recorder::Violation;

/// What one run came to.
#[derive(Debug, Clone, Default)]
pub struct RunReport {
    /// The seed that decided everything.
    pub seed: u64,
    /// The hash over all events: equal for two runs in which the same happened.
    pub hash: u64,
    /// How long the run took in virtual time.
    pub virtual_time: Duration,
    /// How many events there were.
    pub events: u64,
    /// What was met on the way.
    pub coverage: Coverage,
    /// The first thing that must never be.
    pub violation: Option<Violation>,
    /// A line for each event, if the run was traced.
    pub trace: Vec<String>,
}

impl RunReport {
    /// Whether nothing was found.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.violation.is_none()
    }
}

/// Writes a duration in seconds.
pub(crate) fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    duration.as_secs_f64().serialize(serializer)
}
