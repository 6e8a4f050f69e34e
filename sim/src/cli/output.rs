//! What is printed.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use tidegate_sim::report::Totals;

use super::Found;

/// How far it is, on stderr; nothing where that is no terminal.
#[derive(Debug)]
pub(super) struct Bar {
    bar: Option<ProgressBar>,
}

impl Bar {
    pub(super) fn new(count: u64) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let bar = if count == u64::MAX {
                ProgressBar::new_spinner()
            } else {
                ProgressBar::new(count)
            };
            let style = ProgressStyle::with_template("{pos} of {len} seeds, {per_sec}, {eta} left");
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
pub(super) fn violation(seed: u64, invariant: &str, text: &str) -> String {
    format!("seed {seed} breaks {invariant}: {text}\nreproduce: cargo xtask sim --seed {seed}")
}

/// Prints what it came to.
pub(super) fn end(totals: &Totals, took: Duration, as_json: bool) -> Found {
    let found = if totals.violations.is_empty() {
        Found::Nothing
    } else {
        Found::Violations
    };
    if as_json {
        let object = json!({
            "seeds": totals.seeds,
            "seconds": took.as_secs_f64(),
            "violations": totals.violations,
        });
        println!("{object}");
        return found;
    }
    for found in &totals.violations {
        println!("{}", violation(found.seed, found.invariant, &found.text));
    }
    let runs = totals.seeds.max(1) as f64;
    println!(
        "{} seeds in {:.1} s ({:.1} ms each), {:.1} s of virtual time each; {:.1} transitions and {:.0} client \
         operations a seed; {} violations",
        totals.seeds,
        took.as_secs_f64(),
        took.as_secs_f64() * 1000.0 / runs,
        totals.virtual_time.as_secs_f64() / runs,
        totals.coverage.transitions as f64 / runs,
        totals.coverage.client_ops as f64 / runs,
        totals.violations.len(),
    );
    found
}
