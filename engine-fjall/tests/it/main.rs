//! The engine through its public API.

mod crash;
mod model;
mod rig;
mod rows;
mod staging;
mod suites;
