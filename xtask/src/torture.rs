//! The tests of processes, all of them, again and again, in an order that a seed decides.

use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};
use clap::{Args, value_parser};

use crate::process::Process;
use crate::step::Context;

/// Told to the tests, which draw from it too.
const VARIABLE: &str = "TIDEGATE_TORTURE_SEED";
const TARGET: &str = "test --locked --package tidegate --features inject --test processes --";

pub(crate) const HELP: &str = "\
Each test starts a cluster of processes and breaks it: kills, freezes and excludes nodes in the middle of moves, replaces
certificates. Those that `cargo xtask ci` leaves out are among them. A test that has begun is run to its end: the longest
takes a quarter of an hour.

Exits with 0 when nothing was found, 1 when a test failed, 2 when it could not be run as asked.";

/// For how long, and in which order.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// No test begins later than so many minutes
    #[arg(long, default_value_t = 30, value_name = "M", value_parser = value_parser!(u64).range(1..))]
    minutes: u64,
    /// Decides the order of everything [default: a new one, which is printed]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Only tests with this in their names
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
}

pub(crate) fn run(context: &Context, options: &Options) -> Result<ExitCode> {
    let seed = options.seed.unwrap_or_else(new_seed);
    let mut tests = list(context)?;
    if let Some(only) = &options.only {
        tests.retain(|test| test.contains(only));
    }
    if tests.is_empty() {
        bail!("no test has that name");
    }
    let until = Instant::now() + Duration::from_secs(options.minutes.saturating_mul(60));
    let (mut ran, mut failed) = (0_u64, Vec::new());
    'rounds: for round in 0.. {
        let seed = seed.wrapping_add(round);
        shuffle(&mut tests, seed);
        for test in &tests {
            if ran > 0 && Instant::now() >= until {
                break 'rounds;
            }
            ran += 1;
            println!("\n{ran}: {test}, seed {seed}");
            if !passes(context, test, seed)? {
                failed.push(format!("{VARIABLE}={seed} cargo {TARGET} --exact {test}"));
                println!("FAILED: {test}");
            }
        }
    }
    println!(
        "\n{ran} tests, {} failed; the first seed was {seed}",
        failed.len()
    );
    for again in &failed {
        println!("  {again}");
    }
    Ok(if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn list(context: &Context) -> Result<Vec<String>> {
    let told = Process::cargo(&context.root)
        .words(TARGET)
        .argument("--list")
        .output()?;
    let tests = told.lines().filter_map(|line| line.strip_suffix(": test"));
    Ok(tests.map(str::to_owned).collect())
}

fn passes(context: &Context, test: &str, seed: u64) -> Result<bool> {
    let code = Process::cargo(&context.root)
        .environment(VARIABLE, seed.to_string())
        .words(TARGET)
        .words("--nocapture --exact")
        .argument(test)
        .run_lines(|_| {})?;
    Ok(code == Some(0))
}

fn new_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_secs() % 1_000_000
}

/// The same order for the same seed.
fn shuffle(tests: &mut [String], seed: u64) {
    tests.sort();
    fastrand::Rng::with_seed(seed).shuffle(tests);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_the_order() {
        let order = |seed| {
            let mut tests: Vec<String> = (0..20).map(|number| number.to_string()).collect();
            shuffle(&mut tests, seed);
            tests
        };
        assert_eq!(order(7), order(7));
        assert_ne!(order(7), order(8));
        let mut sorted = order(7);
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), 20, "none is lost");
    }
}
