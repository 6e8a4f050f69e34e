//! `cargo xtask bench`: the same work through tidegate's crates and through what a user would pick instead.
//!
//! A [`case::Case`] is one piece of work with several ways of doing it. The [`runner`] goes round by round through
//! all its ways, so that whatever else the machine does meets them alike, and pairs them within a round. A
//! [`bound::Bound`] is a number made of one round's samples; [`bound::Verdict`] compares the interval over all rounds with its limit.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bound;
mod case;
mod cases;
mod cli;
mod cluster;
mod growth;
mod interval;
mod machine;
mod process;
mod results;
mod runner;
mod sinkhole;
mod table;
mod tunables;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
