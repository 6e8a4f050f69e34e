//! Why a stream ended.

use std::fmt;

use tidegate_transport::{ResetCode, StreamError};

use crate::EngineError;

/// Why a stream ended: the first cause wins, and is what the peer and the report say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndCause {
    /// Its receipt was accepted.
    Finished,
    /// The connection was lost.
    Disconnected,
    /// An end was dropped without a word.
    Dropped,
    /// An end gave up on purpose.
    Aborted,
    /// The session is closing or closed.
    SessionClosed,
    /// The unit, or its staging area, is gone.
    UnitGone,
    /// The engine has no room.
    DiskFull,
    /// A frame or batch could not be decoded, or broke the protocol.
    Decode,
    /// Nothing moved for too long.
    Stalled,
    /// A node is shutting down.
    Shutdown,
    /// The source did not take part.
    Refused,
}

impl EndCause {
    /// The word that metrics use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Disconnected => "disconnected",
            Self::Dropped => "dropped",
            Self::Aborted => "aborted",
            Self::SessionClosed => "session_closed",
            Self::UnitGone => "unit_gone",
            Self::DiskFull => "disk_full",
            Self::Decode => "decode",
            Self::Stalled => "stalled",
            Self::Shutdown => "shutdown",
            Self::Refused => "refused",
        }
    }

    /// What the peer is told.
    #[must_use]
    pub const fn reset_code(self) -> ResetCode {
        match self {
            Self::Dropped => ResetCode::Dropped,
            Self::Finished | Self::Disconnected | Self::Aborted => ResetCode::Aborted,
            Self::SessionClosed => ResetCode::SessionClosed,
            Self::UnitGone => ResetCode::UnitGone,
            Self::DiskFull => ResetCode::DiskFull,
            Self::Decode => ResetCode::Decode,
            Self::Stalled => ResetCode::Stalled,
            Self::Shutdown => ResetCode::Shutdown,
            Self::Refused => ResetCode::Refused,
        }
    }
}

impl From<ResetCode> for EndCause {
    fn from(code: ResetCode) -> Self {
        match code {
            ResetCode::Dropped => Self::Dropped,
            ResetCode::SessionClosed => Self::SessionClosed,
            ResetCode::UnitGone => Self::UnitGone,
            ResetCode::DiskFull => Self::DiskFull,
            ResetCode::Decode => Self::Decode,
            ResetCode::Stalled => Self::Stalled,
            ResetCode::Shutdown => Self::Shutdown,
            ResetCode::Refused => Self::Refused,
            _ => Self::Aborted,
        }
    }
}

impl From<StreamError> for EndCause {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Reset(code) => code.into(),
            StreamError::Disconnected => Self::Disconnected,
            _ => Self::Decode,
        }
    }
}

impl From<&EngineError> for EndCause {
    fn from(error: &EngineError) -> Self {
        match error {
            EngineError::Rejected(_) => Self::SessionClosed,
            EngineError::DiskFull => Self::DiskFull,
            EngineError::Decode(_) => Self::Decode,
            EngineError::Gone => Self::UnitGone,
            EngineError::Failed(_) => Self::Aborted,
        }
    }
}

impl fmt::Display for EndCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
