//! The guard crate through its public API.
#![cfg(not(tidegate_loom))]

mod scenarios;
mod stress;
mod words;
