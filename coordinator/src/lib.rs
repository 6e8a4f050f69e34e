//! Moves tablets through their stages: a pure planner and the driver that runs what it plans.
//!
//! (book page to come: the crate's owner completes it)

mod participants;

pub use crate::participants::{
    BarrierAnswer, BarrierError, BarrierRequest, CallError, Operation, OperationError, OperationKind,
    Participants,
};
