//! Looks for one wrong line, where the table says that it shows.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::list::{Mutant, Search};
use super::program::{Place, Program, Violation};

/// What became of one wrong line.
#[derive(Debug)]
pub(super) struct Hunted {
    pub(super) mutant: &'static Mutant,
    /// What it broke; nothing if it got away.
    pub(super) killed_by: Option<Violation>,
    /// The search that has to be clean without it.
    pub(super) found_in: Option<Search>,
    pub(super) took: Duration,
}

/// Searches one after the other, until one finds it.
pub(super) fn hunt(program: &Program, mutant: &'static Mutant, seeds: Option<u64>) -> Result<Hunted> {
    let begun = Instant::now();
    let mut hunted = Hunted {
        mutant,
        killed_by: None,
        found_in: None,
        took: Duration::ZERO,
    };
    for search in mutant.searches {
        let search = match (*search, seeds) {
            (Search::Seeds(_), Some(seeds)) => Search::Seeds(seeds),
            (search, _) => search,
        };
        if let Some(violation) = program.search(Some(mutant.name), search)? {
            hunted.found_in = Some(match violation.place {
                Place::Seed(seed) => Search::Seeds(seed + 1),
                _ => search,
            });
            hunted.killed_by = Some(violation);
            break;
        }
    }
    hunted.took = begun.elapsed();
    eprintln!("{hunted}");
    Ok(hunted)
}
