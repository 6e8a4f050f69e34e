//! Clusters of stores over in-memory networks.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod cluster;
mod contract;
mod disks;
mod emptied;
mod failover;
mod killed;
mod members;
mod observed;
mod seeded;
mod snapshots;
mod stopping;
