//! The contract of a registry of sessions.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_guard::{SessionId, Thaw};

use crate::{Holder, NotDrained};

/// Where a session is on its way; it never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SessionState {
    /// Admits holders.
    Open,
    /// Admits nobody; has holders.
    Closing,
    /// Admits nobody; nobody holds it.
    Closed,
}

/// The sessions of one node, driven by the metadata that the node applies.
///
/// Opening and closing only flip states and wake: they never wait. [`drain`](Self::drain) waits, outside every
/// lock. Guards come from [`Thaw::thaw`].
#[async_trait]
pub trait Sessions: Thaw + fmt::Debug + 'static {
    /// Makes the open sessions exactly those of `wanted`: begins closing all others first, then opens new ones.
    ///
    /// Level-triggered: it does not matter which states were skipped on the way. A closed id is not opened again.
    fn reconcile(&self, wanted: &BTreeSet<SessionId>);

    /// The same as a delta: begins closing `close` first, then opens `open`. Costs as much as the delta.
    fn apply(&self, close: &[SessionId], open: &[SessionId]);

    /// The state of a session; `None` for one never seen, or closed so long ago that it is forgotten.
    fn state(&self, session: SessionId) -> Option<SessionState>;

    /// The sessions that are open, in order.
    fn open_sessions(&self) -> Vec<SessionId>;

    /// The sessions that are closing, in order.
    fn closing_sessions(&self) -> Vec<SessionId>;

    /// Waits until each of `sessions` that is closing is closed. One that is open is not waited for.
    ///
    /// # Errors
    ///
    /// [`NotDrained`] at the deadline, with who still holds them.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits. Many may run at once.
    async fn drain(&self, sessions: &[SessionId], deadline: Duration) -> Result<(), NotDrained>;

    /// Who holds sessions now, oldest first.
    fn holders(&self) -> Vec<Holder>;
}
