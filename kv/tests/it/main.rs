//! The crate through its public API, over the in-memory network.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cluster;
mod doubles;
mod engines;
mod history;
mod linearizable;
mod operations;
mod purging;
mod stages;
mod stale;
mod streaming;
mod whole;
