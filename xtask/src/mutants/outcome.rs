//! What became of the wrong lines, for people and for programs.

use std::fmt;
use std::time::Duration;

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use serde_json::{Value, json};

use super::hunt::{Found, Hunted};
use super::program::{Told, Violation};

/// What became of the wrong lines.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) hunted: Vec<Hunted>,
    /// What the searches that have found something say with no wrong line in force, all of them together.
    pub(super) without: Without,
    pub(super) took: Duration,
}

/// What searches say with no wrong line in force.
#[derive(Debug, Default)]
pub(super) struct Without {
    pub(super) seeds: u64,
    pub(super) states: u64,
    pub(super) depth: u64,
    pub(super) violations: Vec<Violation>,
}

impl Without {
    pub(super) fn of(told: impl IntoIterator<Item = Told>) -> Self {
        let mut without = Self::default();
        for told in told {
            without.seeds += told.seeds;
            without.states += told.states;
            without.depth = without.depth.max(told.depth);
            without.violations.extend(told.violation);
        }
        without
    }
}

impl Verdict {
    pub(super) fn has_passed(&self) -> bool {
        self.without.violations.is_empty() && self.hunted.iter().all(|hunted| hunted.first().is_some())
    }

    pub(super) fn to_json(&self) -> Value {
        let row = |hunted: &Hunted| {
            let first = hunted.first();
            let others = hunted.found.iter().skip(1);
            json!({
                "name": hunted.mutant.name,
                "killed_by": first.map(|found| found.violation.to_string()),
                "seconds": rounded(first.map_or(hunted.took, |found| found.took)),
                "also_by": others.map(|found| found.violation.to_string()).collect::<Vec<_>>(),
            })
        };
        let violation = |found: &Violation| {
            json!({
                "invariant": found.invariant,
                "place": found.place.to_string(),
                "text": found.text,
            })
        };
        let Without {
            seeds,
            states,
            depth,
            violations,
        } = &self.without;
        json!({
            "mutants": self.hunted.iter().map(row).collect::<Vec<_>>(),
            "seeds": seeds,
            "states": states,
            "depth": depth,
            "seconds": rounded(self.took),
            "violations": violations.iter().map(violation).collect::<Vec<_>>(),
        })
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table
            .load_style(comfy_table::presets::UTF8_BORDERS_ONLY)
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(["wrong line", "found by", "seconds"]);
        let seconds = |took: Duration| {
            Cell::new(format!("{:.1}", took.as_secs_f64())).set_alignment(CellAlignment::Right)
        };
        for Hunted { mutant, found, took } in &self.hunted {
            let mut name = mutant.name;
            for Found { violation, took, .. } in found {
                table.add_row([Cell::new(name), Cell::new(violation), seconds(*took)]);
                name = "";
            }
            if found.is_empty() {
                let survived = format!("SURVIVED: {}", mutant.wrong);
                table.add_row([Cell::new(name), Cell::new(survived), seconds(*took)]);
            }
        }
        table
    }
}

fn rounded(took: Duration) -> f64 {
    (took.as_secs_f64() * 100.0).round() / 100.0
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.table())?;
        for violation in &self.without.violations {
            writeln!(f, "NOT CLEAN without any: {violation}: {}", violation.text)?;
        }
        let survivors = self.hunted.iter().filter(|hunted| hunted.first().is_none());
        writeln!(
            f,
            "{} wrong lines, {} survivors; without any of them {} seeds, {} states of the model and the same scripts, {} \
             violations; {:.1} s",
            self.hunted.len(),
            survivors.count(),
            self.without.seeds,
            self.without.states,
            self.without.violations.len(),
            self.took.as_secs_f64()
        )
    }
}
