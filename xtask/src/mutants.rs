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

use self::hunt::hunt;
use self::list::{MUTANTS, Mutant, Search};
use self::outcome::Verdict;
use self::program::Program;
use crate::step::{Context, Outcome};

/// Searches that run at a time.
const WORKERS: usize = 2;

pub(crate) const HELP: &str = "\
Each wrong line counts as found when an invariant that has a name fails with it, and holds in the same seeds,
scripts and model without it.";

/// What can be asked.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Options {
    /// Those that die in seconds
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
            .filter(|mutant| !self.quick || mutant.is_quick)
            .filter(|mutant| self.only.as_ref().is_none_or(|name| name == mutant.name))
            .collect();
        if chosen.is_empty() {
            bail!("there is no such wrong line");
        }
        Ok(chosen)
    }
}

/// `cargo xtask mutants …`.
pub(crate) fn run(context: &Context, options: &Options) -> Result<ExitCode> {
    let verdict = judge(context, options)?;
    if options.json {
        println!("{}", verdict.to_json());
    } else {
        print!("{verdict}");
    }
    Ok(if verdict.has_passed() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The step: those that die in seconds.
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
    let begun = Instant::now();
    let mut chosen = options.chosen()?;
    let program = Program::build(context)?;
    // Those that take long first, so that no worker is left alone with one.
    chosen.sort_by_key(|mutant| mutant.is_quick);
    let mut hunted = at_once(&chosen, |mutant| hunt(&program, mutant, options.seeds))?;
    hunted.sort_by_key(|hunted| {
        MUTANTS
            .iter()
            .position(|mutant| mutant.name == hunted.mutant.name)
    });
    let searches: BTreeSet<Search> = hunted.iter().filter_map(|hunted| hunted.found_in).collect();
    let searches: Vec<Search> = whole(searches);
    let clean = at_once(&searches, |search| program.search(None, *search))?;
    let violations = clean.into_iter().flatten().collect();
    Ok(Verdict {
        hunted,
        violations,
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
