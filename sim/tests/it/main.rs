//! The crate through its public API.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod determinism;
mod engine;
mod raft;
mod scripts;
mod seeds;
mod store;
