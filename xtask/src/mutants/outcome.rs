//! What became of the wrong lines, for people and for programs.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use super::hunt::Hunted;
use super::program::Violation;

/// What became of the wrong lines.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) hunted: Vec<Hunted>,
    /// What the same searches find with no wrong line in force.
    pub(super) violations: Vec<Violation>,
    pub(super) took: Duration,
}

impl Verdict {
    pub(super) fn has_passed(&self) -> bool {
        self.violations.is_empty() && self.hunted.iter().all(|hunted| hunted.killed_by.is_some())
    }

    pub(super) fn to_json(&self) -> Value {
        let row = |hunted: &Hunted| {
            json!({
                "name": hunted.mutant.name,
                "killed_by": hunted.killed_by.as_ref().map(Violation::to_string),
                "seconds": rounded(hunted.took),
            })
        };
        let violation = |found: &Violation| json!({ "invariant": found.to_string(), "text": found.text });
        json!({
            "mutants": self.hunted.iter().map(row).collect::<Vec<_>>(),
            "seconds": rounded(self.took),
            "violations": self.violations.iter().map(violation).collect::<Vec<_>>(),
        })
    }
}

fn rounded(took: Duration) -> f64 {
    (took.as_secs_f64() * 10.0).round() / 10.0
}

impl fmt::Display for Hunted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.mutant.name;
        write!(f, "{name:<34} {:>7.1}  ", self.took.as_secs_f64())?;
        match &self.killed_by {
            Some(violation) => violation.fmt(f),
            None => write!(f, "SURVIVED: {}", self.mutant.wrong),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{:<34} {:>7}  killed by", "wrong line", "seconds")?;
        for hunted in &self.hunted {
            writeln!(f, "{hunted}")?;
        }
        for violation in &self.violations {
            writeln!(f, "NOT CLEAN without any: {violation}: {}", violation.text)?;
        }
        let survivors = self.hunted.iter().filter(|hunted| hunted.killed_by.is_none());
        writeln!(
            f,
            "{} wrong lines, {} survivors, {:.1} s",
            self.hunted.len(),
            survivors.count(),
            self.took.as_secs_f64()
        )
    }
}
