//! `control`: what the protocol costs by itself.
//!
//! Four nodes on a network in memory, the metadata in a log in memory, tablets of three replicas; coordinator, nodes
//! and streams as they come, with their default limits.
//!
//! - `control/moves`: moves of empty tablets per second, by how many are begun at once, each from the proposal that
//!   begins it to the change that ends it. Its reference is one move after the other: that is bound by the latency of
//!   its seven proposals, six rounds of barriers, a stream and a cleanup, and many at once by the processor.
//! - `control/processor`: what they take of the processors meanwhile.
//! - `control/asked`: what the coordinator asks for meanwhile, on the average: proposals, calls for a barrier, and
//!   tablets in those calls.
//! - `control/closing`: from the change that closes a session, which an operator's cancel makes, to the last holder
//!   gone on both ends: the 99th of 100. While four streams without end use all that the processors give; while the
//!   receiver is inside an engine call of 10 ms (without that call: from its end on); while the sender is blocked on a
//!   peer that does not read, and does not hear of the change either. Bound by how soon a busy runtime wakes a task.

mod closing;
mod moves;
mod scripted;

use crate::case::Entry;

/// The cases, in order.
pub(crate) fn entries() -> Vec<Entry> {
    vec![
        Entry::quick("control/moves", moves::rates),
        Entry::quick("control/processor", moves::processor),
        Entry::quick("control/asked", moves::asked),
        Entry::quick("control/closing", closing::closing),
    ]
}
