//! Fuzzing on the stable toolchain: builds libFuzzer and the targets with coverage, and feeds each for a while.

mod keep;
mod run;

use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;
use std::{fs, thread};

use anyhow::{Result, bail};
use clap::{Args, value_parser};

use self::run::{Ran, fuzz};
use crate::process::Process;
use crate::step::Context;

/// Targets fed at a time.
const BESIDE: usize = 2;

/// Coverage as `cargo fuzz` asks for it, by flags that a stable compiler takes, and our own name for such builds: a
/// plain `fuzzing` changes crates that are not ours.
const FLAGS: &str = "--cfg tidegate_fuzz \
    -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

pub(crate) const HELP: &str = "\
An input that fails is copied to fuzz/artifacts, with the command that feeds it again.
What a run finds worth keeping stays in target/fuzz/corpus and is gone on from; --keep takes it,
minimised, into fuzz/corpus.

Exits with 0 when nothing was found, 1 after a finding, 2 when it could not be run as asked.";

/// What to feed, and for how long.
#[derive(Debug, Args)]
pub(crate) struct Wanted {
    /// For how long each target is fed; all of them, two at a time, take half their number times as long
    #[arg(long, default_value_t = 60, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    seconds: u64,
    /// Only these targets
    #[arg(long, value_name = "NAME")]
    target: Vec<String>,
    /// One object on stdout and nothing else
    #[arg(long)]
    json: bool,
    /// Afterwards, take what was found into the corpus of the tree
    #[arg(long)]
    keep: bool,
}

/// What all runs have in common.
pub(crate) struct Ground<'a> {
    pub(crate) context: &'a Context,
    /// The program that serves all targets.
    pub(crate) program: std::path::PathBuf,
    pub(crate) seconds: u64,
}

/// `cargo xtask fuzz`.
pub(crate) fn hand_on(context: &Context, wanted: &Wanted) -> Result<ExitCode> {
    let names = names(context, &wanted.target)?;
    let ground = Ground {
        context,
        program: build(context)?,
        seconds: wanted.seconds,
    };
    eprintln!(
        "{} targets, {BESIDE} at a time, each for {} s; each is told of when it ends",
        names.len(),
        wanted.seconds
    );
    let ran = run_all(&ground, &names)?;
    if wanted.keep {
        for name in &names {
            keep::into_tree(&ground, name)?;
        }
    }
    let findings = ran.iter().filter(|ran| ran.finding.is_some()).count();
    if wanted.json {
        println!("{}", json(&ran, wanted.seconds, findings));
    } else {
        print(&ran);
    }
    Ok(if findings == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Builds the targets; for the host by name, so that the flags are not for what runs while building.
fn build(context: &Context) -> Result<std::path::PathBuf> {
    let version = Process::new("rustc", &context.root).argument("-vV").output()?;
    let Some(host) = version.lines().find_map(|line| line.strip_prefix("host: ")) else {
        bail!("rustc does not say what it runs on");
    };
    let target = context.target.join("fuzz");
    eprintln!("building the targets into {}", target.display());
    Process::cargo(&context.root)
        .environment("RUSTFLAGS", FLAGS)
        .environment("CARGO_TARGET_DIR", &target)
        .words("build --locked --profile fuzz --package tidegate-fuzz --target")
        .argument(host)
        .quiet_unless_seen()
        .run_in_silence()?
        .filter(|code| *code == 0)
        .map_or_else(
            || bail!("the targets cannot be built"),
            |_| Ok(target.join(host).join("fuzz/tidegate-fuzz")),
        )
}

/// The targets to feed: those that are named, or each that has a corpus.
fn names(context: &Context, wanted: &[String]) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for folder in fs::read_dir(context.root.join("fuzz/corpus"))? {
        names.push(folder?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    if wanted.is_empty() {
        return Ok(names);
    }
    if let Some(unknown) = wanted.iter().find(|name| !names.contains(name)) {
        bail!("{unknown}: no such target; there are {}", names.join(", "));
    }
    Ok(wanted.to_vec())
}

/// Feeds them all, two at a time; what it came to, in their order.
fn run_all(ground: &Ground<'_>, names: &[String]) -> Result<Vec<Ran>> {
    let left = Mutex::new(names.iter());
    let next = || left.lock().ok().and_then(|mut left| left.next());
    let ran = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..BESIDE {
            scope.spawn(|| {
                while let Some(name) = next() {
                    let result = fuzz(ground, name);
                    if let Ok(mut ran) = ran.lock() {
                        ran.push(result);
                    }
                }
            });
        }
    });
    let mut ran = ran
        .into_inner()
        .unwrap_or_default()
        .into_iter()
        .collect::<Result<Vec<Ran>>>()?;
    ran.sort_by(|a, b| a.target.cmp(&b.target));
    Ok(ran)
}

fn print(ran: &[Ran]) {
    for one in ran {
        let took = Duration::from_secs(one.seconds);
        let verdict = one.finding.as_ref().map_or("no finding", |_| "FINDING");
        println!(
            "{:15} {:>11} inputs in {took:>4?}, {:>7} a second, {:>6} edges, {:>5} kept: {verdict}",
            one.target, one.inputs, one.per_second, one.covered, one.kept
        );
    }
    for finding in ran.iter().filter_map(|one| one.finding.as_ref()) {
        println!("\n{finding}");
    }
}

fn json(ran: &[Ran], seconds: u64, findings: usize) -> String {
    let rows: Vec<String> = ran.iter().map(Ran::json).collect();
    format!(
        "{{\"seconds\":{seconds},\"inputs\":{},\"findings\":{findings},\"targets\":[{}]}}",
        ran.iter().map(|one| one.inputs).sum::<u64>(),
        rows.join(",")
    )
}
