//! For callers who fence by other means.

use crate::{Closing, Guard, Rejected, SessionId};

/// A guard that guards nothing, for callers who fence by other means.
///
/// It has to be named: nothing hands it out by default. It enters no session, so no drain waits for it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unfenced;

impl Guard for Unfenced {
    fn session(&self) -> Option<SessionId> {
        None
    }

    fn check(&self) -> Result<(), Rejected> {
        Ok(())
    }

    fn closing(&self) -> Closing<'_> {
        Closing::never()
    }
}
