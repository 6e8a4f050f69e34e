//! `tidegate-sim run`.

use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use clap::{Args, value_parser};
use tidegate_sim::metadata::MetadataKind;
use tidegate_sim::report::{RunReport, Totals};
use tidegate_sim::run::{RunOptions, Seeds, run, run_many};

use super::output::{self, Bar, Shown};
use super::{Found, has_an_end, jobs};

/// Lines of a trace that a failure shows.
const TRACE_SHOWN: usize = 200;

/// Seeds that may fail before the rest is left alone.
const VIOLATIONS_MAX: usize = 20;

/// Seeds that together have to meet every kind of fault, and hit every cell.
const COVERED_AFTER: u64 = 10_000;

const MORE: &str = "\
Exits with 0 when nothing was found, with 1 after a violation, with 2 when it could not be run.

A run of many seeds prints how often each kind of fault was done, and how often it landed inside each stage, on \
whom. From 10000 seeds on it also fails where a kind was never done, or a cell of crash, cut or delay by source, \
pending replica or coordinator was never hit, unless that one is listed as unreachable. It begins no more seeds after \
20 violations, and says so.";

/// What to run.
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub(super) struct RunArgs {
    /// How many seeds, 1000 unless it is said; with --minutes, as many as there is time for.
    #[arg(long, value_parser = value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// How many at once; as many as there are cores, unless it is said.
    #[arg(long)]
    jobs: Option<NonZeroUsize>,
    /// How long to begin seeds.
    #[arg(long, value_parser = minutes)]
    minutes: Option<f64>,
    /// Only this seed.
    #[arg(long, conflicts_with_all = ["seeds", "from", "minutes"])]
    seed: Option<u64>,
    /// Which metadata log the nodes have.
    #[arg(long, value_enum, default_value_t)]
    metadata: MetadataKind,
    /// Print all that happens, not only the end of a failure; to stderr with --json.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Print one object in JSON.
    #[arg(long)]
    json: bool,
}

/// A time that can be waited for.
fn minutes(said: &str) -> Result<f64, String> {
    let minutes: f64 = said.parse().map_err(|_| "no number".to_owned())?;
    let told = Duration::try_from_secs_f64(minutes * 60.0);
    let told = told.map_err(|error| error.to_string())?;
    if told.is_zero() {
        return Err("no time to begin any seed".to_owned());
    }
    Ok(minutes)
}

pub(super) fn execute(args: &RunArgs) -> io::Result<Found> {
    match args.seed {
        Some(seed) => one(seed, args),
        None => many(args),
    }
}

fn one(seed: u64, args: &RunArgs) -> io::Result<Found> {
    let begun = Instant::now();
    let options = RunOptions {
        trace: true,
        metadata: args.metadata,
        ..RunOptions::default()
    };
    let report = run(seed, &options)?;
    let shown = if args.trace { usize::MAX } else { TRACE_SHOWN };
    let lines = if args.trace || !report.is_clean() {
        trace(&report, shown)
    } else {
        &[]
    };
    for line in lines {
        // The object stays alone on stdout; and who has seen enough of a trace closes it.
        if args.json {
            writeln!(io::stderr(), "{line}")?;
        } else {
            writeln!(io::stdout(), "{line}")?;
        }
    }
    let mut totals = Totals::of(args.metadata);
    totals.add(report);
    output::end(&totals, begun.elapsed(), (!args.json).then_some(Shown::Line))
}

fn trace(report: &RunReport, shown: usize) -> &[String] {
    let lines = &report.trace;
    &lines[lines.len().saturating_sub(shown)..]
}

fn many(args: &RunArgs) -> io::Result<Found> {
    let begun = Instant::now();
    let count = match (args.seeds, args.minutes) {
        (Some(seeds), _) => seeds,
        (None, Some(_)) => u64::MAX,
        (None, None) => 1000,
    };
    let seeds = Seeds {
        from: args.from,
        count,
        jobs: jobs(args.jobs),
        time_max: args
            .minutes
            .map(|minutes| Duration::from_secs_f64(minutes * 60.0)),
    };
    if args.seeds.is_some() {
        has_an_end(args.from, count)?;
    }
    let bar = Bar::new(count);
    let mut totals = Totals::of(args.metadata);
    let options = RunOptions {
        metadata: args.metadata,
        ..RunOptions::default()
    };
    run_many(seeds, &options, |report| {
        let known = totals.violations.len();
        totals.add(report);
        for found in &totals.violations[known..] {
            bar.tell(&output::violation(found, args.metadata));
        }
        bar.step();
        totals.violations.len() < VIOLATIONS_MAX
    })?;
    bar.end();
    totals.violations.sort_by_key(|found| found.seed);
    let took = begun.elapsed();
    if totals.violations.len() >= VIOLATIONS_MAX {
        eprintln!(
            "stopped at {} violations: {} seeds have run",
            totals.violations.len(),
            totals.seeds
        );
    }
    let found = output::end(&totals, took, (!args.json).then_some(Shown::Tables))?;
    let missed = totals.missed();
    if missed.is_empty() || totals.seeds < COVERED_AFTER {
        return Ok(found);
    }
    eprintln!(
        "{} seeds have to meet all, and missed {}: {}",
        totals.seeds,
        missed.len(),
        missed.join("; ")
    );
    Ok(Found::Violations)
}
