//! How a wait in or for a point ended.

use std::time::Duration;

use thiserror::Error;

use crate::Message;

/// How [`Injector::hold`](crate::Injector::hold) ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// The point is not enabled, or not compiled in: nothing was held.
    Absent,
    /// A test let it go on with this message.
    Message(Message),
    /// A test disabled the point, or enabled it anew.
    Disabled,
    /// The future that was handed in ended first.
    Interrupted,
}

/// Why no message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WaitError {
    /// The point was disabled, or enabled anew: go on without a message.
    #[error("the injection point was disabled")]
    Disabled,
    /// The deadline passed: the test forgot this entry.
    #[error("no message in {waited:?}")]
    TimedOut {
        /// How long it waited.
        waited: Duration,
    },
}

/// Fewer came by than a test waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{entries} of {wanted} entries in {waited:?}")]
pub struct EntriesError {
    /// How many came by.
    pub entries: u64,
    /// How many were waited for.
    pub wanted: u64,
    /// How long it waited.
    pub waited: Duration,
}
