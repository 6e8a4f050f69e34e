//! What many runs came to.

mod tables;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::RunReport;
use crate::coverage::{Cell, Coverage, cells, reason};
use crate::metadata::MetadataKind;

/// What many runs came to.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    /// The metadata log that the nodes had.
    pub metadata: MetadataKind,
    /// How many runs.
    pub seeds: u64,
    /// How many of them no fault was done in.
    pub without_faults: u64,
    /// Their virtual time.
    pub virtual_time: Duration,
    /// Their events.
    pub events: u64,
    /// A hash over the hashes of all runs, whatever order they ended in.
    pub hash: u64,
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

/// What the program prints for other programs.
#[derive(Debug, Serialize)]
struct Object<'a> {
    metadata: &'static str,
    seeds: u64,
    /// Of the model's there are none.
    states: u64,
    depth: u64,
    seconds: f64,
    violations: &'a [FoundViolation],
    missed: Vec<String>,
    without_faults: u64,
    virtual_seconds: f64,
    events: u64,
    hash: String,
    transitions: u64,
    client_operations: u64,
    faults: BTreeMap<&'static str, u64>,
    cells: Vec<CellObject>,
    sometimes: &'a BTreeMap<&'static str, u64>,
}

#[derive(Debug, Serialize)]
struct CellObject {
    stage: &'static str,
    fault: &'static str,
    victim: &'static str,
    hits: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    unreachable: Option<&'static str>,
}

impl CellObject {
    fn new(cell: &Cell, hits: u64) -> Self {
        let (stage, fault, victim) = *cell;
        Self {
            stage: stage.name(),
            fault: fault.name(),
            victim: victim.name(),
            hits,
            unreachable: reason(cell),
        }
    }
}

impl Totals {
    /// Of runs with that metadata log, so far none.
    #[must_use]
    pub fn of(metadata: MetadataKind) -> Self {
        Self {
            metadata,
            ..Self::default()
        }
    }

    /// Adds a run.
    pub fn add(&mut self, run: RunReport) {
        self.seeds += 1;
        self.without_faults += u64::from(run.coverage.faults.is_empty());
        self.virtual_time += run.virtual_time;
        self.events += run.events;
        self.hash = self
            .hash
            .wrapping_add(xxh3_64_with_seed(&run.hash.to_le_bytes(), run.seed));
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
        self.without_faults += other.without_faults;
        self.virtual_time += other.virtual_time;
        self.events += other.events;
        self.hash = self.hash.wrapping_add(other.hash);
        self.coverage.add(&other.coverage);
        self.violations.extend(other.violations);
        self.violations.sort_by_key(|found| found.seed);
    }

    /// What many runs have to meet, and these did not: faults of each kind, and a hit in each cell that is not listed
    /// as unreachable, and none in those that are.
    #[must_use]
    pub fn missed(&self) -> Vec<String> {
        let coverage = &self.coverage;
        let place = |(stage, kind, role): &Cell| format!("{stage}, {} of {}", kind.name(), role.name());
        let kinds = coverage.never_done().into_iter();
        let kinds = kinds.filter(|kind| self.metadata.has(*kind));
        let kinds = kinds.map(|kind| format!("never done: {}", kind.name()));
        let empty = coverage.empty_cells().into_iter();
        let empty = empty.map(|cell| format!("never hit: {}", place(&cell)));
        let wrong = coverage.wrongly_listed().into_iter();
        let wrong = wrong.map(|cell| format!("hit, and listed as unreachable: {}", place(&cell)));
        kinds.chain(empty).chain(wrong).collect()
    }

    /// One object for other programs, after runs that took so long.
    ///
    /// # Errors
    ///
    /// None that a serializer of plain numbers and texts could come to.
    pub fn to_json(&self, took: Duration) -> Result<String, serde_json::Error> {
        let coverage = &self.coverage;
        // All cells that have to be hit, and all others that were.
        let mut hits: BTreeMap<Cell, u64> = cells().map(|cell| (cell, 0)).collect();
        hits.extend(coverage.hits.iter().map(|(cell, count)| (*cell, *count)));
        serde_json::to_string(&Object {
            metadata: self.metadata.name(),
            seeds: self.seeds,
            states: 0,
            depth: 0,
            seconds: took.as_secs_f64(),
            violations: &self.violations,
            missed: self.missed(),
            without_faults: self.without_faults,
            virtual_seconds: self.virtual_time.as_secs_f64(),
            events: self.events,
            hash: format!("{:016x}", self.hash),
            transitions: coverage.transitions,
            client_operations: coverage.client_ops,
            faults: coverage
                .faults
                .iter()
                .map(|(kind, count)| (kind.name(), *count))
                .collect(),
            cells: hits
                .iter()
                .map(|(cell, count)| CellObject::new(cell, *count))
                .collect(),
            sometimes: coverage.sometimes.counts(),
        })
    }

    /// Everything but the violations, for people, after runs that took so long.
    #[must_use]
    pub fn to_text(&self, took: Duration) -> String {
        tables::text(self, took)
    }
}

#[cfg(test)]
mod tests;
