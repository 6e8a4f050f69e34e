//! Streams of opaque batches under a guard.
//!
//! (book page to come: the crate's owner completes it)

mod batch;
mod engine;
mod unit;

pub use crate::batch::{Batch, Position};
pub use crate::engine::{EngineError, Scan, SourceEngine, Staging, TargetEngine};
pub use crate::unit::UnitId;
