//! Wrong lines, put in force one by one: simulation, model and scripts have to find each.

mod hunt;
mod list;
mod outcome;
mod program;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use self::hunt::{Way, hunt};
use self::list::{MUTANTS, Mutant, Search};
use self::outcome::{Verdict, Without};
use self::program::Program;
use crate::step::{Context, Outcome};

/// Searches that run at a time.
const WORKERS: usize = 2;

pub(crate) const HELP: &str = "\
Builds the simulation with all wrong lines in it (RUSTFLAGS=\"--cfg tidegate_mutants\") below the target directory, in \
mutants/, so that other builds stay as they are; then puts one wrong line after the other in force \
(TIDEGATE_MUTANT=name). Each counts as found when an invariant or a property that has a name fails with it, and the \
same seeds, scripts and model are clean in the same program without it. A panic counts for nothing, nor does a search \
that does not end.

Without --quick every place is looked in where a wrong line has to show; with it, until the first has found it.

Exits with 0 when each was found, 1 when one was not or when something is broken without any, 2 when it could not be \
asked so.";

/// What can be asked.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Options {
    /// Each until the first place has shown it: seconds
    #[arg(long)]
    quick: bool,
    /// This one
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// So many seeds at most for each that is looked for in seeds
    #[arg(long, value_name = "N")]
    seeds: Option<u64>,
    /// One object on stdout and nothing else
    #[arg(long)]
    json: bool,
}

impl Options {
    fn chosen(&self) -> Result<Vec<&'static Mutant>> {
        let chosen: Vec<&Mutant> = MUTANTS
            .iter()
            .filter(|mutant| self.only.as_ref().is_none_or(|name| name == mutant.name))
            .collect();
        if chosen.is_empty() {
            let names: Vec<&str> = MUTANTS.iter().map(|mutant| mutant.name).collect();
            bail!("there is no such wrong line; there are {}", names.join(", "));
        }
        Ok(chosen)
    }
}

/// `cargo xtask mutants …`.
pub(crate) fn run(context: &Context, options: &Options) -> ExitCode {
    let verdict = match judge(context, options) {
        Ok(verdict) => verdict,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            return ExitCode::from(2);
        }
    };
    if options.json {
        println!("{}", verdict.to_json());
    } else {
        print!("{verdict}");
    }
    if verdict.has_passed() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The step: each, until the first place has shown it.
pub(crate) fn step(context: &Context) -> Result<Outcome> {
    let options = Options {
        quick: true,
        ..Options::default()
    };
    let verdict = judge(context, &options)?;
    print!("{verdict}");
    if !verdict.has_passed() {
        bail!("a wrong line was not found");
    }
    Ok(Outcome::Passed(format!("{} found", verdict.hunted.len())))
}

fn judge(context: &Context, options: &Options) -> Result<Verdict> {
    let chosen = options.chosen()?;
    let program = Program::build(context)?;
    let begun = Instant::now();
    let way = Way {
        seeds: options.seeds,
        is_quick: options.quick,
    };
    let mut hunted = at_once(&chosen, |mutant| hunt(&program, mutant, way))?;
    hunted.sort_by_key(|hunted| {
        MUTANTS
            .iter()
            .position(|mutant| mutant.name == hunted.mutant.name)
    });
    let found = hunted.iter().flat_map(|hunted| &hunted.found);
    let searches = whole(found.map(|found| found.search).collect());
    let without = at_once(&searches, |search| program.search_without(*search))?;
    Ok(Verdict {
        hunted,
        without: Without::of(without),
        took: begun.elapsed(),
    })
}

/// The same searches, seeds taken together.
fn whole(searches: BTreeSet<Search>) -> Vec<Search> {
    let seeds = searches.iter().filter_map(|search| match search {
        Search::Seeds(count) => Some(*count),
        _ => None,
    });
    let seeds = seeds.max().map(Search::Seeds);
    let others = searches
        .into_iter()
        .filter(|search| !matches!(search, Search::Seeds(_)));
    seeds.into_iter().chain(others).collect()
}

/// Does the work of each item, some at a time.
fn at_once<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> Result<R> + Sync) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = work(item);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push(result);
                }
            });
        }
    });
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.into_iter()
        .collect::<Result<_>>()
        .context("a search broke off")
}
