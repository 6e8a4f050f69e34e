//! What a run came to, for a program to read.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::bound::{Limit, Verdict};
use crate::case::{Better, Effort, Round, Sample};
use crate::interval::Interval;
use crate::machine::Machine;
use crate::runner::{Judged, Outcome};

/// A whole run.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    pub(crate) machine: Machine,
    pub(crate) effort: &'static str,
    pub(crate) cases: Vec<CaseResult>,
}

/// One case: every way's figures, and every bound's.
#[derive(Debug, Serialize)]
pub(crate) struct CaseResult {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    /// `more` or `less`.
    pub(crate) better: &'static str,
    pub(crate) ways: Vec<WayResult>,
    pub(crate) bounds: Vec<BoundResult>,
    /// Why the case has no figures, if it has none.
    pub(crate) failure: Option<String>,
}

/// One way's figures over all rounds.
#[derive(Debug, Serialize)]
pub(crate) struct WayResult {
    pub(crate) name: &'static str,
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// Median over the rounds, in seconds.
    pub(crate) cpu_seconds_per_gib: Option<f64>,
    /// The most of all rounds.
    pub(crate) memory_peak_bytes: Option<f64>,
    /// To the reference's value, paired within each round.
    pub(crate) ratio: Option<Interval>,
}

/// One bound.
#[derive(Debug, Serialize)]
pub(crate) struct BoundResult {
    pub(crate) about: String,
    pub(crate) limit: Limit,
    pub(crate) seen: Interval,
    pub(crate) verdict: Verdict,
}

impl Results {
    /// Of no case yet.
    pub(crate) fn new(effort: Effort) -> Self {
        Self {
            machine: Machine::this(),
            effort: effort.pick("quick", "thorough"),
            cases: Vec::new(),
        }
    }

    /// How many bounds were missed, and cases failed.
    pub(crate) fn misses(&self) -> usize {
        let missed = |case: &CaseResult| {
            let bounds = case
                .bounds
                .iter()
                .filter(|bound| bound.verdict == Verdict::Missed);
            bounds.count() + usize::from(case.failure.is_some())
        };
        self.cases.iter().map(missed).sum()
    }

    /// Writes them, whole or not at all.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        let whole = path.with_extension("json.part");
        fs::write(&whole, text + "\n").with_context(|| format!("writing {}", whole.display()))?;
        fs::rename(&whole, path).with_context(|| format!("writing {}", path.display()))
    }
}

impl CaseResult {
    /// Of a case that ran.
    pub(crate) fn of(outcome: &Outcome) -> Self {
        Self {
            name: outcome.name.clone(),
            unit: outcome.unit,
            better: match outcome.better {
                Better::More => "more",
                Better::Less => "less",
            },
            ways: outcome
                .ways
                .iter()
                .filter_map(|way| WayResult::of(way, outcome))
                .collect(),
            bounds: outcome.judged.iter().map(BoundResult::of).collect(),
            failure: None,
        }
    }

    /// Of a case that failed.
    pub(crate) fn failed(name: String, failure: String) -> Self {
        Self {
            name,
            unit: "",
            better: "",
            ways: Vec::new(),
            bounds: Vec::new(),
            failure: Some(failure),
        }
    }
}

impl WayResult {
    fn of(name: &'static str, outcome: &Outcome) -> Option<Self> {
        let each = |of: &dyn Fn(&Round) -> Option<f64>| -> Vec<f64> {
            outcome.rounds.iter().filter_map(of).collect()
        };
        let sample = |round: &Round| -> Option<Sample> { round.get(name).copied() };
        let values = each(&|round| Some(sample(round)?.value));
        let ratio = outcome
            .reference
            .filter(|reference| *reference != name)
            .map(|reference| each(&|round| Some(sample(round)?.value / round.get(reference)?.value)));
        Some(Self {
            name,
            median: Interval::of(&values)?.median,
            min: values.iter().copied().reduce(f64::min)?,
            max: values.iter().copied().reduce(f64::max)?,
            cpu_seconds_per_gib: Interval::of(&each(&|round| sample(round)?.cpu_per_gib))
                .map(|cpu| cpu.median),
            memory_peak_bytes: each(&|round| sample(round)?.memory_peak_bytes)
                .into_iter()
                .reduce(f64::max),
            ratio: ratio.as_deref().and_then(Interval::of),
        })
    }
}

impl BoundResult {
    fn of(judged: &Judged) -> Self {
        Self {
            about: judged.about.clone(),
            limit: judged.limit,
            seen: judged.seen,
            verdict: judged.verdict,
        }
    }
}
