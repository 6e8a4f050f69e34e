//! What many runs came to.

use std::time::Duration;

use serde::Serialize;

use super::RunReport;
use crate::coverage::Coverage;

/// What many runs came to.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    /// How many runs.
    pub seeds: u64,
    /// Their virtual time.
    pub virtual_time: Duration,
    /// Their events.
    pub events: u64,
    /// What was met on the way.
    pub coverage: Coverage,
    /// What must never be, by seed.
    pub violations: Vec<FoundViolation>,
}

/// A violation, and the seed that shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FoundViolation {
    /// The seed.
    pub seed: u64,
    /// The name of the invariant.
    pub invariant: &'static str,
    /// What was seen.
    pub text: String,
}

impl Totals {
    /// Adds a run.
    pub fn add(&mut self, run: RunReport) {
        self.seeds += 1;
        self.virtual_time += run.virtual_time;
        self.events += run.events;
        self.coverage.add(&run.coverage);
        if let Some(violation) = run.violation {
            self.violations.push(FoundViolation {
                seed: run.seed,
                invariant: violation.invariant,
                text: violation.text,
            });
        }
    }

    /// Adds other runs.
    pub fn merge(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.virtual_time += other.virtual_time;
        self.events += other.events;
        self.coverage.add(&other.coverage);
        self.violations.extend(other.violations);
        self.violations.sort_by_key(|found| found.seed);
    }
}
