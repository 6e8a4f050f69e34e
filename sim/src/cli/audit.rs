//! `tidegate-sim audit`.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroUsize;
use std::time::Instant;

use clap::{Args, value_parser};
use tidegate_sim::metadata::MetadataKind;
use tidegate_sim::report::{FoundViolation, Totals};
use tidegate_sim::run::{RunOptions, Seeds, run_many};

use super::output::{self, Bar, DETERMINISM, Shown};
use super::{Found, has_an_end, jobs};

/// What to audit.
#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    /// How many seeds.
    #[arg(long, default_value_t = 100, value_parser = value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// How many at once the second time; the first time it is one. As many as there are cores, unless it is said.
    #[arg(long)]
    jobs: Option<NonZeroUsize>,
    /// Which metadata log the nodes have.
    #[arg(long, value_enum, default_value_t)]
    metadata: MetadataKind,
    /// Print one object in JSON.
    #[arg(long)]
    json: bool,
}

/// Runs each seed alone and then beside others, on other threads: what happened must be the same.
pub(super) fn execute(args: &AuditArgs) -> io::Result<Found> {
    let begun = Instant::now();
    has_an_end(args.from, args.seeds)?;
    let bar = Bar::new(args.seeds.saturating_mul(2));
    let mut totals = Totals::of(args.metadata);
    let options = RunOptions {
        metadata: args.metadata,
        ..RunOptions::default()
    };
    let mut hashes = BTreeMap::new();
    for jobs in [1, jobs(args.jobs).max(2)] {
        let seeds = Seeds {
            from: args.from,
            count: args.seeds,
            jobs,
            time_max: None,
        };
        run_many(seeds, &options, |report| {
            let seed = report.seed;
            let now = (report.hash, report.events, report.virtual_time);
            if let Some(before) = hashes.insert(seed, now) {
                if before != now {
                    totals.violations.push(FoundViolation {
                        seed,
                        invariant: DETERMINISM,
                        text: format!(
                            "(hash, events, virtual time) is {before:?} alone, {now:?} beside others"
                        ),
                    });
                }
            } else {
                totals.add(report);
            }
            bar.step();
            true
        })?;
    }
    bar.end();
    output::end(&totals, begun.elapsed(), (!args.json).then_some(Shown::Line))
}
