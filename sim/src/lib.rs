//! Whole clusters in virtual time, in one thread, from one seed; what must hold in them; and a checked model.

mod clients;
mod cluster;
pub mod coverage;
mod dice;
pub mod engine;
pub mod event;
mod faults;
pub mod invariants;
pub mod metadata;
pub mod model;
mod mover;
mod plan;
pub mod recorder;
pub mod report;
pub mod run;
pub mod scripts;
pub mod store;
