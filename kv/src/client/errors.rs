//! What a client hears when it does not hear what it asked for.

use std::time::Duration;

use thiserror::Error;
use tidegate_tablets::TableId;

/// Why a read has no answer. It can always be asked again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// This node knows of no such table: it was dropped, or is so new that the node has not heard of it.
    #[error("there is no table {0}")]
    NoTable(TableId),
    /// This node has no map yet, or was stopped: ask another.
    #[error("this node is not running")]
    NotRunning,
    /// Too few replicas answered in time: ask again later.
    #[error("too few replicas answered within {waited:?}: {cause}")]
    NoQuorum {
        /// How long it was tried.
        waited: Duration,
        /// What went wrong last.
        cause: String,
    },
}

/// Why a write is not known to be done.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// Not done: this node knows of no such table.
    #[error("not written: there is no table {0}")]
    NoTable(TableId),
    /// Not done: this node has no map yet, or was stopped. Ask another.
    #[error("not written: this node is not running")]
    NotRunning,
    /// Not done: the key is empty, or too long, and stays so.
    #[error("not written: a key of {len} bytes is not of one to {max}")]
    KeyLength {
        /// Bytes of the key.
        len: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// Not done: key and value are too long, and stay so.
    #[error("not written: a row of {len} bytes is over the limit of {max}")]
    TooLong {
        /// Bytes of the row.
        len: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// Not done: too few replicas told when the key was last written, and nothing was sent. Try again later.
    #[error("not written: too few replicas answered within {waited:?}: {cause}")]
    NoQuorum {
        /// How long it was tried.
        waited: Duration,
        /// What went wrong last.
        cause: String,
    },
    /// It may be done, now or later, or not. A read of the key tells what is; what it tells stays.
    #[error("the outcome of the write is not known: {cause}")]
    OutcomeUnknown {
        /// What went wrong last.
        cause: String,
    },
}

impl WriteError {
    /// Whether the write is surely not done, and never will be.
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        !matches!(self, Self::OutcomeUnknown { .. })
    }
}
