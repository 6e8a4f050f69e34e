//! What a node does about its metadata, as pure functions: no lock, no clock, no effect.
//!
//! The rest of this crate asks these and does what they say; a model checker asks the same ones. So what is checked
//! is what runs.

mod barrier;
mod operation;
mod roles;

pub use self::barrier::{Drained, acts_on, barrier_may_begin, barrier_result, to_drain};
pub use self::operation::{NotAdmitted, Part, admits_pull, part};
pub use self::roles::{Roles, RolesStep, SessionsStep, about_to_be_pending, is_concerned, keeps_staged};
