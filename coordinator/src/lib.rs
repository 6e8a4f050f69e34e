//! Moves tablets through their stages: a pure planner and the driver that runs what it plans.
//!
//! (book page to come: the crate's owner completes it)

mod config;
mod driver;
mod operator;
mod participants;
mod planner;
mod progress;
mod request;
mod status;

pub use crate::config::{CoordinatorConfig, RetryConfig};
pub use crate::driver::{Coordinator, CoordinatorHandle};
pub use crate::operator::{Ended, Operator, OperatorConfig, OperatorError};
pub use crate::participants::{
    BarrierAnswer, BarrierError, BarrierRequest, CallError, Operation, OperationError, OperationKind,
    Participants,
};
pub use crate::planner::{Action, Decision, Need, WayBack, explain, plan};
pub use crate::progress::{Progress, Step, StepError, StepState, TabletProgress};
pub use crate::status::{EndedTransition, TransitionStatus, WaitingFor};
