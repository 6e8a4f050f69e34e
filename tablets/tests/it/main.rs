//! The crate from outside: its contract's suite, and what must fail it.
#![cfg(not(tidegate_loom))]

mod contract;
mod cost;
mod doubles;
mod fence_races;
mod fence_stress;
