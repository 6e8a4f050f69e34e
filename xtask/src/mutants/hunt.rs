//! Looks for one wrong line, where the table says that it shows.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::list::{Mutant, Search};
use super::program::{Place, Program, Violation};

/// How to look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    /// So many seeds at most, where seeds are looked through.
    pub(super) seeds: Option<u64>,
    /// Whether what finds it first is enough.
    pub(super) is_quick: bool,
}

/// What became of one wrong line.
#[derive(Debug)]
pub(super) struct Hunted {
    pub(super) mutant: &'static Mutant,
    /// What has found it, in the order of the table; nothing if it got away.
    pub(super) found: Vec<Found>,
    pub(super) took: Duration,
}

/// A search that has found a wrong line.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) violation: Violation,
    /// The search that has to be clean without the wrong line.
    pub(super) search: Search,
    pub(super) took: Duration,
}

impl Hunted {
    /// What found it first.
    pub(super) fn first(&self) -> Option<&Found> {
        self.found.first()
    }
}

/// Searches one after the other.
pub(super) fn hunt(program: &Program, mutant: &'static Mutant, way: Way) -> Result<Hunted> {
    let begun = Instant::now();
    let mut found = Vec::new();
    for search in mutant.searches {
        let search = match (*search, way.seeds) {
            (Search::Seeds(_), Some(seeds)) => Search::Seeds(seeds),
            (search, _) => search,
        };
        let begun = Instant::now();
        let told = program.search(Some(mutant.name), search, mutant.by)?;
        if let Some(violation) = told.violation {
            let search = match violation.place {
                Place::Seed(seed) => Search::Seeds(seed + 1),
                _ => search,
            };
            found.push(Found {
                violation,
                search,
                took: begun.elapsed(),
            });
            if way.is_quick {
                break;
            }
        }
    }
    let took = begun.elapsed();
    let hunted = Hunted { mutant, found, took };
    eprintln!("{hunted}");
    Ok(hunted)
}

impl fmt::Display for Hunted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.mutant.name;
        match self.first() {
            Some(found) => write!(
                f,
                "{name}: {}, {:.1} s",
                found.violation,
                found.took.as_secs_f64()
            ),
            None => write!(f, "{name}: SURVIVED, {:.1} s", self.took.as_secs_f64()),
        }
    }
}
