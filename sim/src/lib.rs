//! Whole clusters in virtual time, in one thread, from one seed; what must hold in them; and a checked model.

pub mod cluster;
pub mod coverage;
pub mod engine;
pub mod event;
pub mod faults;
pub mod invariants;
pub mod model;
pub mod recorder;
pub mod report;
pub mod run;
pub mod scripts;
pub mod store;
