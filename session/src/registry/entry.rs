//! Who gets in, from what is known of the session.

use tidegate_guard::{FrozenGuard, Rejected};

use crate::SessionState;

/// Whether a frozen guard enters a session that is in `state` on this node, which has applied the tablet's epoch
/// `applied`. Pure; the gate has the last word where the state may change meanwhile.
///
/// # Errors
///
/// [`Rejected`]: only a session that is open is entered, and none is opened for the sake of whoever asks.
pub fn may_enter(state: Option<SessionState>, frozen: &FrozenGuard, applied: u64) -> Result<(), Rejected> {
    match state {
        Some(SessionState::Open) => Ok(()),
        Some(SessionState::Closing) => Err(Rejected::Closing),
        Some(SessionState::Closed) => Err(Rejected::Closed),
        #[cfg(tidegate_mutants)]
        None if tidegate_mutants::on("session-opened-on-demand") => Ok(()),
        // Not known here: it is to come, or gone for good.
        None if applied < frozen.epoch => Err(Rejected::NotYetOpen { applied }),
        None => Err(Rejected::Closed),
    }
}
