//! Why a sink was closed without success.

use std::time::Duration;

use thiserror::Error;
use tidegate_guard::Rejected;
use tidegate_transport::StreamError;

use crate::wire::WireError;
use crate::{EndCause, Receipt};

/// Why a sink was closed without success. Nothing counts as carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The guard refused, or its session begins to close: begin nothing more under it.
    #[error("the guard refused")]
    Rejected(#[from] Rejected),
    /// The stream failed, or the peer gave it up.
    #[error("the stream failed")]
    Stream(#[from] StreamError),
    /// The peer took nothing, or did not accept the receipt, for that long.
    #[error("nothing moved for {waited:?}")]
    Stalled {
        /// How long.
        waited: Duration,
    },
    /// The two ends do not agree on what was carried.
    #[error("sent {ours}; received {theirs}")]
    Receipt {
        /// What this end sent.
        ours: Receipt,
        /// What the other received.
        theirs: Receipt,
    },
    /// The peer broke the protocol, or a batch breaks it: give the stream up.
    #[error("the protocol was broken")]
    Wire(#[from] WireError),
    /// The sink was closed before, or an earlier call was dropped in the middle.
    #[error("the sink was closed, or an earlier send dropped, before")]
    Torn,
}

impl SinkError {
    /// What the peer and the report are told.
    #[must_use]
    pub fn cause(&self) -> EndCause {
        match self {
            Self::Rejected(_) => EndCause::SessionClosed,
            Self::Stream(error) => (*error).into(),
            Self::Stalled { .. } => EndCause::Stalled,
            Self::Receipt { .. } | Self::Wire(_) => EndCause::Decode,
            Self::Torn => EndCause::Dropped,
        }
    }
}
