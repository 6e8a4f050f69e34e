//! From a frozen guard to a guard.

use thiserror::Error;

use crate::{FrozenGuard, Label, SharedGuard};

/// Why an effect must not begin, and what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Rejected {
    /// The node has not applied the metadata that opens the session: wait for it and thaw again.
    #[error("the session is not open yet: this node has applied epoch {applied} only")]
    NotYetOpen {
        /// The node's own epoch of the tablet.
        applied: u64,
    },
    /// The session is closing: begin nothing new, let go of what is held.
    #[error("the session is closing")]
    Closing,
    /// The session was closed, or will never be opened here: stop.
    #[error("the session is closed")]
    Closed,
}

/// Turns frozen guards into guards, if their session is open.
pub trait Thaw: Send + Sync {
    /// Enters the session that `frozen` names, and no other.
    ///
    /// `applied` is this node's own epoch of the tablet, read *before* the call: as a node opens sessions before
    /// it publishes the map that shows them, a session that is not open although `applied` is not below
    /// `frozen.epoch` will never be. `label` names the holder in reports for as long as the guard lives.
    ///
    /// # Errors
    ///
    /// [`Rejected`], whose variants name the caller's next move.
    fn thaw(&self, frozen: &FrozenGuard, applied: u64, label: Label) -> Result<SharedGuard, Rejected>;
}
