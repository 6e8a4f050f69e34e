//! The name of a session.

use std::fmt;

use thiserror::Error;
use uuid::Uuid;

/// The name of a session: a UUID that is never nil.
///
/// Whoever keeps the metadata makes it so that none comes twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(Uuid);

/// The nil UUID names no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the nil UUID names no session")]
pub struct NilSession;

impl SessionId {
    /// Takes a UUID for the name of a session.
    ///
    /// # Errors
    ///
    /// [`NilSession`] for the nil UUID: there is no default session and no sentinel.
    pub const fn new(uuid: Uuid) -> Result<Self, NilSession> {
        if uuid.is_nil() {
            Err(NilSession)
        } else {
            Ok(Self(uuid))
        }
    }

    /// Takes the 128 bits that a peer sent.
    ///
    /// # Errors
    ///
    /// [`NilSession`] for zero.
    pub const fn from_u128(bits: u128) -> Result<Self, NilSession> {
        Self::new(Uuid::from_u128(bits))
    }

    /// The 128 bits to send to a peer.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        self.0.as_u128()
    }

    /// The UUID.
    #[must_use]
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({})", self.0)
    }
}
