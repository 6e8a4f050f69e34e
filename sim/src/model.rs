//! The protocol as a checked model: every order of its steps, with calls that are late, doubled or lost, crashes,
//! fail-over, exclusion and cancel, for one tablet that moves away and back.
//!
//! What the cluster decides is decided by the product's own pure functions: [`plan`](tidegate_coordinator::plan) over
//! its progress, [`Metadata::apply`](tidegate_tablets::Metadata::apply), the [rules](tidegate_replica::rules) of a
//! replica, the [book](tidegate_session::SessionBook) of sessions and the [rule](tidegate_tablets::FenceRule) of the
//! fence. The model adds only what may happen between them, and says what must hold: a wrong line in the product is a
//! path that breaks a property here.
//!
//! Each thing that could happen without end has a budget, and what comes in the end is checked in each state, soundly:
//! see `liveness.rs`.
//!
//! Less can happen here than in a cluster, where more would be too much to go through: of a coordinator that is
//! replaced one call or its change is still on its way, and of the calls whose answer is of no use any more one.
//!
//! Not in the model: a rebuild; reads of clients (quorums are looked at in each state instead); more than one key
//! and one tablet; time, which only decides what happens first, and here everything may; the inside of a stream,
//! which is one batch; disks that fail.

mod check;
mod client;
mod coordinator;
mod decide;
mod happen;
mod liveness;
mod map;
mod node;
mod operation;
mod oracle;
mod properties;
mod reached;
mod report;
mod scope;
mod settle;
mod sizes;
mod state;
mod step;
#[cfg(test)]
mod tests;

pub use self::check::check;
pub use self::report::{ModelProgress, ModelReport, ModelViolation, Part, PropertyResult};
pub use self::sizes::Size;
