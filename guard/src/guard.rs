//! Proof of being inside a session.

use std::fmt;
use std::sync::Arc;

use crate::{Closing, Rejected, SessionId};

/// A guard that several owners hold; the session stays held until the last of them lets go.
///
/// A call into an engine gets a clone of its own, so that it is covered to its real end even when whoever
/// started it is gone.
pub type SharedGuard = Arc<dyn Guard>;

/// Proof of being inside a session, and what keeps that session from becoming closed.
///
/// Every function that has a side effect takes one, calls [`check`](Self::check) before each step, and holds it
/// until the step has ended.
pub trait Guard: Send + Sync + fmt::Debug {
    /// The session; `None` only for callers who fence by other means, see [`Unfenced`](crate::Unfenced).
    fn session(&self) -> Option<SessionId>;

    /// Whether a new step may begin: one load.
    ///
    /// # Errors
    ///
    /// [`Rejected::Closing`] from the moment the session begins to close, though it is still held.
    fn check(&self) -> Result<(), Rejected>;

    /// Completes when the session begins to close; wakes every holder.
    fn closing(&self) -> Closing<'_>;

    /// Tells reports that the holder has come further, and what it does now.
    fn progress(&self, step: &'static str) {
        let _ = step;
    }
}
