//! The command line: what there is, and how each ends.

mod completions;
#[allow(dead_code, reason = "what ends so comes next")]
mod exit;
#[allow(dead_code, reason = "what ends so comes next")]
mod failure;
#[allow(dead_code, reason = "as above")]
mod output;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub(crate) use self::exit::Exit;
use self::failure::Failure;
use crate::demo;

/// What is said below the commands.
const AFTER_HELP: &str = "\
Exit codes:
  0    done
  1    refused, or something is wrong: verify found differences, status is not healthy
  2    bad arguments or input
  3    no answer from the node: nothing was changed
  4    the outcome is unknown: it may have been done or not
  130  interrupted

Commands that ask a node take --admin URL (or TIDEGATE_ADMIN); any node of the cluster will do. With --json they print
one object or array on stdout and nothing else there. Messages go to stderr.";

/// Moves tablets between nodes so that a transfer that failed can never have a late effect.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, about, arg_required_else_help = true, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Starts a cluster in this process, moves real data around under faults, and checks every row.
    Demo(demo::DemoArgs),
    Completions(completions::CompletionsArgs),
}

/// Does what the arguments say.
pub(crate) fn main() -> ExitCode {
    let ended = match Cli::parse().command {
        Command::Demo(args) => return demo::main(args),
        Command::Completions(args) => args.run(),
    };
    ended.unwrap_or_else(|failure| failure.complain()).into()
}
