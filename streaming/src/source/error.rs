//! Why the receiving end was closed without success.

use std::time::Duration;

use thiserror::Error;
use tidegate_guard::Rejected;
use tidegate_transport::StreamError;

use crate::wire::WireError;
use crate::{EndCause, Receipt, Refusal};

/// Why the receiving end of a stream was closed without success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The session begins to close: begin nothing more under it.
    #[error("the guard refused")]
    Rejected(#[from] Rejected),
    /// The peer does not take part.
    #[error("the peer does not take part")]
    Refused(#[source] Refusal),
    /// The stream failed, or the peer gave it up.
    #[error("the stream failed")]
    Stream(#[from] StreamError),
    /// The peer sent nothing, or took nothing, for that long.
    #[error("nothing moved for {waited:?}")]
    Stalled {
        /// How long.
        waited: Duration,
    },
    /// The two ends do not agree on what was carried.
    #[error("received {ours}; sent {theirs}")]
    Receipt {
        /// What this end received.
        ours: Receipt,
        /// What the other sent.
        theirs: Receipt,
    },
    /// The peer broke the protocol: give the stream up.
    #[error("the protocol was broken")]
    Wire(#[from] WireError),
    /// This end was closed before, or not at its end yet.
    #[error("closed before, or an earlier call dropped, or not at its end yet")]
    Torn,
}

impl SourceError {
    /// What the peer and the report are told.
    #[must_use]
    pub fn cause(&self) -> EndCause {
        match self {
            Self::Rejected(_) => EndCause::SessionClosed,
            Self::Refused(_) => EndCause::Refused,
            Self::Stream(error) => (*error).into(),
            Self::Stalled { .. } => EndCause::Stalled,
            Self::Receipt { .. } | Self::Wire(_) => EndCause::Decode,
            Self::Torn => EndCause::Dropped,
        }
    }
}
