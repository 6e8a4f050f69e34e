//! Why a stream was cut short.

use std::fmt;

/// Why one end cut a stream short; travels to the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResetCode {
    /// The half was dropped: its owner ended without a word (an early return, a panic, a cancelled task).
    Dropped,
    /// Its owner gave up on purpose.
    Aborted,
    /// The session under which the stream ran is closing or closed.
    SessionClosed,
    /// The unit of work (a tablet) is gone.
    UnitGone,
    /// The engine has no room.
    DiskFull,
    /// A frame could not be decoded, or broke the protocol.
    Decode,
    /// No byte moved for too long.
    Stalled,
    /// The node is shutting down.
    Shutdown,
    /// The peer may not do this.
    Refused,
    /// A code that this version does not know.
    Unknown(u32),
}

impl ResetCode {
    /// The number on the wire.
    #[must_use]
    pub const fn as_u32(self) -> u32 {
        match self {
            Self::Dropped => 0,
            Self::Aborted => 1,
            Self::SessionClosed => 2,
            Self::UnitGone => 3,
            Self::DiskFull => 4,
            Self::Decode => 5,
            Self::Stalled => 6,
            Self::Shutdown => 7,
            Self::Refused => 8,
            Self::Unknown(code) => code,
        }
    }

    /// The code of a number from the wire.
    #[must_use]
    pub const fn from_u32(code: u32) -> Self {
        match code {
            0 => Self::Dropped,
            1 => Self::Aborted,
            2 => Self::SessionClosed,
            3 => Self::UnitGone,
            4 => Self::DiskFull,
            5 => Self::Decode,
            6 => Self::Stalled,
            7 => Self::Shutdown,
            8 => Self::Refused,
            code => Self::Unknown(code),
        }
    }
}

impl fmt::Display for ResetCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dropped => f.write_str("dropped"),
            Self::Aborted => f.write_str("aborted"),
            Self::SessionClosed => f.write_str("session closed"),
            Self::UnitGone => f.write_str("tablet gone"),
            Self::DiskFull => f.write_str("disk full"),
            Self::Decode => f.write_str("decode"),
            Self::Stalled => f.write_str("stalled"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::Refused => f.write_str("refused"),
            Self::Unknown(code) => write!(f, "unknown code {code}"),
        }
    }
}
