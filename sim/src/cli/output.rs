//! What is printed.

use std::io::{self, IsTerminal, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tidegate_sim::metadata::MetadataKind;
use tidegate_sim::report::{FoundViolation, Totals};

use super::Found;

/// What the audit finds, beside what the invariants do.
pub(super) const DETERMINISM: &str = "determinism";

/// How far it is, on stderr; nothing where that is no terminal.
#[derive(Debug)]
pub(super) struct Bar {
    bar: Option<ProgressBar>,
}

impl Bar {
    pub(super) fn new(count: u64) -> Self {
        let bar = stderr().is_terminal().then(|| {
            // As many as there is time for: nobody knows how many are left.
            let (bar, shown) = if count == u64::MAX {
                (ProgressBar::new_spinner(), "{pos} seeds in {elapsed}, {per_sec}")
            } else {
                (
                    ProgressBar::new(count),
                    "{pos} of {len} seeds, {per_sec}, {eta} left",
                )
            };
            let style = ProgressStyle::with_template(shown);
            style.map_or_else(|_| bar.clone(), |style| bar.clone().with_style(style))
        });
        Self { bar }
    }

    pub(super) fn step(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    pub(super) fn tell(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => eprintln!("{text}"),
        }
    }

    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A violation, and the line that shows it again.
pub(super) fn violation(found: &FoundViolation, metadata: MetadataKind) -> String {
    let FoundViolation {
        seed,
        invariant,
        text,
    } = found;
    let log = match metadata {
        MetadataKind::Simulated => "",
        MetadataKind::Raft => " --metadata raft",
    };
    let line = match *invariant {
        DETERMINISM => format!("cargo xtask sim audit --from {seed} --seeds 1{log}"),
        _ => format!("cargo xtask sim --seed {seed}{log}"),
    };
    format!("seed {seed} breaks {invariant}: {text}\nreproduce: {line}")
}

/// What of the totals people are shown.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shown {
    /// A line.
    Line,
    /// The tables of what was met.
    Tables,
}

/// Prints what it came to; one object where nothing else is to be shown.
pub(super) fn end(totals: &Totals, took: Duration, shown: Option<Shown>) -> io::Result<Found> {
    match shown {
        None => println!("{}", totals.to_json(took).map_err(io::Error::other)?),
        Some(Shown::Line) => print(totals, &line(totals, took)),
        Some(Shown::Tables) => print(totals, &totals.to_text(took)),
    }
    Ok(if totals.violations.is_empty() {
        Found::Nothing
    } else {
        Found::Violations
    })
}

/// What was met, then what was found.
fn print(totals: &Totals, met: &str) {
    println!("{met}");
    for found in &totals.violations {
        println!("{}", violation(found, totals.metadata));
    }
    println!(
        "hash {:016x}; {} violations",
        totals.hash,
        totals.violations.len()
    );
}

fn line(totals: &Totals, took: Duration) -> String {
    let runs = totals.seeds.max(1) as f64;
    format!(
        "{} seeds in {:.1} s ({:.1} ms each), {:.1} s of virtual time each; {:.1} transitions and {:.0} client \
         operations a seed",
        totals.seeds,
        took.as_secs_f64(),
        took.as_secs_f64() * 1000.0 / runs,
        totals.virtual_time.as_secs_f64() / runs,
        totals.coverage.transitions as f64 / runs,
        totals.coverage.client_ops as f64 / runs,
    )
}
