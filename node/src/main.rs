//! The `tidegate` binary: a node, the commands that run and steer a cluster of them, and the demo.
//!
//! ```sh
//! cargo run --release -- demo
//! ```
//!
//! Exit codes: 0 done, 1 refused or something is wrong, 2 bad arguments or input, 3 no answer from the node, 4 the
//! outcome is unknown, 130 interrupted.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for a terminal"
)]

mod admin;
mod api;
mod certs;
mod client;
mod commands;
mod config;
mod data_dir;
mod demo;
mod journal;
mod leading;
mod logs;
mod network;
mod peers;
mod reports;
mod running;
mod serve;
mod telemetry;
mod watched;

use std::process::ExitCode;

fn main() -> ExitCode {
    commands::main()
}
