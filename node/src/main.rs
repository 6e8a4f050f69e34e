//! The `tidegate` binary.
//!
//! ```sh
//! cargo run --release -- demo
//! ```
//!
//! Exit codes: 0 when all held, 1 when a check failed, 2 on bad arguments or input, 130 when interrupted.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for a terminal"
)]

#[allow(
    dead_code,
    unused_imports,
    reason = "the server and the command line come to use all of it"
)]
mod api;
mod demo;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Moves tablets between nodes so that a transfer that failed can never have a late effect.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Starts a cluster in this process, moves real data around under faults, and checks every row.
    Demo(demo::DemoArgs),
}

fn main() -> ExitCode {
    let Command::Demo(args) = Cli::parse().command;
    demo::main(args)
}
