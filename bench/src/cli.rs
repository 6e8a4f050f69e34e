//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Parser;

use crate::case::{Effort, Entry};
use crate::results::{CaseResult, Results};
use crate::{cases, runner, table, tunables};

/// Runs the same work through tidegate and through its alternatives, and says which bounds hold.
///
/// Exits with 1 if a bound is missed or a case fails, with 2 if nothing could be run.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask bench",
    bin_name = "cargo xtask bench",
    disable_version_flag = true
)]
struct Arguments {
    /// Fewer rounds, fewer bytes and fewer variants: under ten minutes
    #[arg(long)]
    quick: bool,
    /// Only the cases whose names begin so; may be given again
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Names the cases, and runs none
    #[arg(long)]
    list: bool,
    /// Where the figures go as JSON; with `--only` they go nowhere unless told
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// What a case wants done in a process of its own
    #[arg(long, hide = true, num_args = 1..)]
    child: Vec<String>,
}

/// Runs what the arguments say.
pub(crate) fn run() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    if !arguments.child.is_empty() {
        cases::child(&arguments.child)?;
        return Ok(ExitCode::SUCCESS);
    }
    let effort = if arguments.quick {
        Effort::Quick
    } else {
        Effort::Thorough
    };
    let entries = chosen(cases::all(), effort, &arguments.only)?;
    if arguments.list {
        for entry in &entries {
            println!("{}", entry.name);
        }
        return Ok(ExitCode::SUCCESS);
    }
    tunables::apply()?;
    let results = run_all(entries, effort);
    println!("\n{}\n\n{}\n", table::figures(&results), table::bounds(&results));
    if let Some(out) = out(&arguments) {
        results.write(&out)?;
        println!("written to {}", out.display());
    }
    let misses = results.misses();
    println!("{} cases, {misses} missed or failed", results.cases.len());
    Ok(if misses == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn run_all(entries: Vec<Entry>, effort: Effort) -> Results {
    let started = Instant::now();
    let mut results = Results::new(effort);
    let count = entries.len();
    for (number, entry) in entries.into_iter().enumerate() {
        let name = entry.name.clone();
        let case = match runner::run(entry, effort) {
            Ok(outcome) => {
                let case = CaseResult::of(&outcome);
                eprintln!(
                    "{:>4.0} s {}/{count} {}",
                    started.elapsed().as_secs_f64(),
                    number + 1,
                    table::line(&case)
                );
                case
            }
            // The others can still be told.
            Err(error) => {
                let failure = format!("{error:#}");
                eprintln!(
                    "{:>4.0} s {}/{count} FAILED {failure}",
                    started.elapsed().as_secs_f64(),
                    number + 1
                );
                CaseResult::failed(name, failure)
            }
        };
        results.cases.push(case);
    }
    results
}

/// Those that the effort has and the names begin, in their order.
fn chosen(entries: Vec<Entry>, effort: Effort, only: &[String]) -> Result<Vec<Entry>> {
    let unknown = only
        .iter()
        .find(|name| !entries.iter().any(|entry| entry.name.starts_with(name.as_str())));
    if let Some(name) = unknown {
        bail!("no case begins with {name}; --list names them");
    }
    let in_effort = |entry: &Entry| effort == Effort::Thorough || entry.is_quick;
    let named =
        |entry: &Entry| only.is_empty() || only.iter().any(|name| entry.name.starts_with(name.as_str()));
    let chosen: Vec<Entry> = entries
        .into_iter()
        .filter(|entry| in_effort(entry) && named(entry))
        .collect();
    if chosen.is_empty() {
        bail!("none of these cases is part of a quick run");
    }
    Ok(chosen)
}

fn out(arguments: &Arguments) -> Option<PathBuf> {
    let default = || PathBuf::from("bench/results/latest.json");
    arguments
        .out
        .clone()
        .or_else(|| arguments.only.is_empty().then(default))
}
