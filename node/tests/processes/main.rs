//! Clusters of the built binary: QUIC on loopback, the log and the rows on the disk, and every way to break a node.
//!
//! One cluster runs at a time. What takes long is only run by `cargo xtask torture`, whose seed decides what is drawn.

#![cfg(unix)]
#![allow(clippy::print_stdout, reason = "what is shown when a test fails")]

mod certificates;
mod cleanup;
mod disk;
mod excluded;
mod frozen;
mod fuzzed;
mod invented;
mod leaders;
mod matrix;
mod partition;
mod refusals;
mod rig;
mod seed;
