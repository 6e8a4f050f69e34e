//! Checks and chores of the workspace: `cargo xtask ci`.
//!
//! Every step is a subcommand too. All of them only read, but for `fix`; what they build goes below the target
//! directory. A step whose tool is missing installs it there, or is skipped, and the end of `ci` says so loudly.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people at a terminal"
)]

mod bench;
mod checks;
mod cli;
mod cluster;
mod demo;
mod deny;
mod features;
mod fuzz;
mod fuzz_api;
mod layers;
mod model;
mod mutants;
mod package;
mod process;
mod release;
mod report;
mod sim;
mod step;
mod tidy;
mod torture;
mod workspace;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            // It could not be done: 1 says that something was found.
            ExitCode::from(2)
        }
    }
}
