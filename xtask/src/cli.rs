//! The command line.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::report::Report;
use crate::sim::Words;
use crate::step::{Context, FAST, STEPS, Step};
use crate::{bench, checks, cluster, fuzz, model, mutants, sim, torture, workspace};

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "Checks and chores of the workspace",
    disable_version_flag = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything that must pass, with seconds per step; only reads
    Ci {
        /// The loop at the desk: formats, tidiness, layers, clippy, and the tests that are quick
        #[arg(long)]
        fast: bool,
    },
    /// Formats, and applies what clippy can mend: the only one that writes
    Fix,
    /// Formatting
    Fmt,
    /// The rules of CONTRIBUTING.md that a program can check
    Tidy,
    /// The layers of ARCHITECTURE.md, and who may use which library
    Layers,
    /// Lints, warnings denied, without and with all features
    Clippy,
    /// All tests, documentation's examples too
    Test,
    /// The documentation, warnings denied
    Doc,
    /// Every library crate alone, with none and with each of its features
    Features,
    /// The models of the crates that have some
    Loom,
    /// Licences, bans and sources of dependencies
    Deny,
    /// Known vulnerabilities, if there is a local copy of the advisories
    Advisories,
    /// Packages of every crate that can be published, built from what is in them
    Package,
    /// The admin API of a cluster of processes, asked what its own document makes up, by schemathesis
    FuzzApi,
    /// The demo, fenced and unfenced
    Demo,
    /// A cluster of processes on this machine, until Ctrl-C
    #[command(after_help = cluster::HELP)]
    Cluster(cluster::Options),
    /// Whole clusters in virtual time, each decided by a seed
    #[command(after_help = sim::HELP)]
    Sim(Words),
    /// The protocol, every order of everything
    #[command(after_help = model::HELP)]
    Model(Words),
    /// Wrong lines, one by one: simulation, model and scripts have to find each
    #[command(after_help = mutants::HELP)]
    Mutants(mutants::Options),
    /// Everything that reads what others have written, fed what libFuzzer makes up
    #[command(after_help = fuzz::HELP)]
    Fuzz(fuzz::Wanted),
    /// The same work through tidegate and through its alternatives, timed in one run
    #[command(after_help = bench::HELP)]
    Bench(Words),
    /// Clusters of processes, broken in every way, again and again
    #[command(after_help = torture::HELP)]
    Torture(torture::Options),
}

/// Runs what the arguments say.
pub(crate) fn run() -> Result<ExitCode> {
    let context = Context::new(workspace::root()?)?;
    let steps: Vec<&Step> = match Arguments::parse().command {
        Command::Ci { fast: false } => STEPS.iter().collect(),
        Command::Ci { fast: true } => FAST.iter().collect(),
        Command::Fix => {
            checks::fix(&context)?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Fmt => named("fmt"),
        Command::Tidy => named("tidy"),
        Command::Layers => named("layers"),
        Command::Clippy => named("clippy"),
        Command::Test => named("test"),
        Command::Doc => named("doc"),
        Command::Features => named("features"),
        Command::Loom => named("loom"),
        Command::Deny => named("deny"),
        Command::Advisories => named("advisories"),
        Command::Package => named("package"),
        Command::FuzzApi => named("fuzz-api"),
        Command::Demo => named("demo"),
        Command::Cluster(options) => return cluster::run(&context, &options),
        Command::Sim(words) => return sim::hand_on(&context, words),
        Command::Model(words) => return model::hand_on(&context, words),
        Command::Mutants(options) => return Ok(mutants::run(&context, &options)),
        Command::Fuzz(wanted) => return fuzz::hand_on(&context, &wanted),
        Command::Bench(words) => return bench::hand_on(&context, words),
        Command::Torture(options) => return torture::run(&context, &options),
    };
    let mut report = Report::new();
    for step in steps {
        report.run(step, &context);
    }
    report.print();
    Ok(if report.has_passed() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn named(name: &str) -> Vec<&'static Step> {
    STEPS.iter().filter(|step| step.name == name).collect()
}
