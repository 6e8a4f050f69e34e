//! The engine through its public API.

mod crash;
mod folds;
mod model;
mod restarts;
mod rig;
mod rows;
mod staging;
mod suites;
