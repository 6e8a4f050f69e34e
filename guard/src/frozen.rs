//! A guard in transit.

use crate::SessionId;

/// A guard in transit: the name of a session and the epoch that wrote it.
///
/// It blocks nothing and proves nothing. Its receiver compares it with its own metadata and thaws it, see
/// [`Thaw`](crate::Thaw).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FrozenGuard {
    /// The session under which the effect was asked for.
    pub session: SessionId,
    /// The epoch of the tablet at which the session was written.
    pub epoch: u64,
}
