//! The engine through its public API.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod crash;
mod folds;
mod model;
mod restarts;
mod rig;
mod rows;
mod staging;
mod suites;
