//! `tidegate-sim run`.

use std::io;
use std::time::{Duration, Instant};

use clap::Args;
use tidegate_sim::report::{RunReport, Totals};
use tidegate_sim::run::{RunOptions, Seeds, run, run_many};

use super::output::{self, Bar, Shown};
use super::{Found, jobs};

/// Lines of a trace that a failure shows.
const TRACE_SHOWN: usize = 200;

/// Seeds that may fail before the rest is left alone.
const VIOLATIONS_MAX: usize = 20;

/// What to run.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// How many seeds; with --minutes, as many as there is time for.
    #[arg(long)]
    seeds: Option<u64>,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// How many at once; as many as there are cores, unless it is said.
    #[arg(long)]
    jobs: Option<usize>,
    /// How long to begin seeds.
    #[arg(long)]
    minutes: Option<f64>,
    /// Only this seed.
    #[arg(long, conflicts_with_all = ["seeds", "from", "minutes"])]
    seed: Option<u64>,
    /// Print all that happens, not only the end of a failure.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Print one object in JSON.
    #[arg(long)]
    json: bool,
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
        println!("{line}");
    }
    let mut totals = Totals::default();
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
    let bar = Bar::new(count);
    let mut totals = Totals::default();
    run_many(seeds, &RunOptions::default(), |report| {
        let known = totals.violations.len();
        totals.add(report);
        for found in &totals.violations[known..] {
            bar.tell(&output::violation(found));
        }
        bar.step();
        totals.violations.len() < VIOLATIONS_MAX
    })?;
    bar.end();
    totals.violations.sort_by_key(|found| found.seed);
    output::end(&totals, begun.elapsed(), (!args.json).then_some(Shown::Tables))
}
