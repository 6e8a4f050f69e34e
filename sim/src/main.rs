//! `tidegate-sim`: runs simulations and models.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people and scripts: what it finds goes to stdout, how far it is to stderr"
)]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
