//! How a command ends.

use std::process::ExitCode;

/// How a command ended, as the shell hears it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It is done.
    Done,
    /// It was refused, or what was looked at is not as it should be.
    Wrong,
    /// What was asked makes no sense.
    BadArguments,
    /// The node does not answer; nothing was changed.
    NoAnswer,
    /// It may have been done or not.
    OutcomeUnknown,
    /// Somebody asked for the end.
    Interrupted,
}

impl Exit {
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Wrong => 1,
            Self::BadArguments => 2,
            Self::NoAnswer => 3,
            Self::OutcomeUnknown => 4,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
