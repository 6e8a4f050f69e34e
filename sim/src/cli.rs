//! The command line.

mod audit;
mod model;
mod output;
mod run;
mod scripts;

use std::io;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::thread;

use clap::{Parser, Subcommand};

use self::audit::AuditArgs;
use self::model::ModelArgs;
use self::run::RunArgs;
use self::scripts::ScriptsArgs;

/// Simulates whole clusters in virtual time, each from one seed, and checks a model of the protocol.
#[derive(Debug, Parser)]
#[command(name = "tidegate-sim", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs seeds, and holds all that happens against the invariants.
    Run(RunArgs),
    /// Runs each seed twice, beside others, and compares the hashes of all that happened.
    Audit(AuditArgs),
    /// Goes through every state of the model.
    Model(ModelArgs),
    /// Plays what random faults rarely hit, by hand.
    Scripts(ScriptsArgs),
}

/// What a command found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Nothing,
    Violations,
}

/// Runs the program: 0 when nothing was found, 1 for a violation, 2 when it could not be run.
pub(crate) fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    let ended = match command {
        Command::Run(args) => run::execute(&args),
        Command::Audit(args) => audit::execute(&args),
        Command::Model(args) => model::execute(&args),
        Command::Scripts(args) => scripts::execute(&args),
    };
    match ended {
        Ok(Found::Nothing) => ExitCode::SUCCESS,
        Ok(Found::Violations) => ExitCode::from(1),
        // Whom it was told to has heard enough: `--trace | head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(2),
        Err(error) => {
            eprintln!("tidegate-sim: {error}");
            ExitCode::from(2)
        }
    }
}

/// As many as the machine has cores, unless it is said.
fn jobs(said: Option<NonZeroUsize>) -> usize {
    said.map_or_else(
        || thread::available_parallelism().map_or(1, NonZeroUsize::get),
        NonZeroUsize::get,
    )
}

/// Seeds end where their numbers do: what is asked beyond that would be other seeds than were asked.
fn has_an_end(from: u64, count: u64) -> io::Result<()> {
    match from.checked_add(count.saturating_sub(1)) {
        Some(_) => Ok(()),
        None => Err(io::Error::other(format!(
            "there are no {count} seeds from {from} on: the last is {}",
            u64::MAX
        ))),
    }
}
