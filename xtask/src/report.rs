//! What the steps came to, and how long they took.

use std::time::{Duration, Instant};

use crate::step::{Context, Outcome, Step};

/// The results so far.
#[derive(Debug)]
pub(crate) struct Report {
    begun: Instant,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: &'static str,
    took: Duration,
    result: Result<Outcome, String>,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self {
            begun: Instant::now(),
            rows: Vec::new(),
        }
    }

    /// Runs a step; the next ones run whatever becomes of it.
    pub(crate) fn run(&mut self, step: &Step, context: &Context) {
        println!("\n=== {} ===", step.name);
        let begun = Instant::now();
        let result = (step.run)(context).map_err(|error| format!("{error:#}"));
        let took = begun.elapsed();
        match &result {
            Ok(Outcome::Passed(_)) => println!("--- {} passed, {:.1} s", step.name, took.as_secs_f64()),
            Ok(Outcome::Skipped(reason)) => println!("--- {} SKIPPED: {reason}", step.name),
            Err(error) => println!("--- {} FAILED, {:.1} s: {error}", step.name, took.as_secs_f64()),
        }
        self.rows.push(Row {
            name: step.name,
            took,
            result,
        });
    }

    pub(crate) fn has_passed(&self) -> bool {
        self.rows.iter().all(|row| row.result.is_ok())
    }

    /// The table of steps, what was skipped, and the count.
    pub(crate) fn print(&self) {
        println!("\n{:<12} {:>8}  result", "step", "seconds");
        for row in &self.rows {
            let (word, note) = match &row.result {
                Ok(Outcome::Passed(note)) => ("passed", note.as_str()),
                Ok(Outcome::Skipped(_)) => ("SKIPPED", ""),
                Err(error) => ("FAILED", error.lines().next().unwrap_or_default()),
            };
            println!("{:<12} {:>8.1}  {word}  {note}", row.name, row.took.as_secs_f64());
        }
        println!("{:<12} {:>8.1}", "all", self.begun.elapsed().as_secs_f64());
        for row in &self.rows {
            if let Ok(Outcome::Skipped(reason)) = &row.result {
                println!("SKIPPED {}: {reason}", row.name);
            }
        }
        let failed = self.rows.iter().filter(|row| row.result.is_err()).count();
        let passed = self
            .rows
            .iter()
            .filter(|row| matches!(row.result, Ok(Outcome::Passed(_))))
            .count();
        println!("{passed} passed, {failed} failed");
    }
}
