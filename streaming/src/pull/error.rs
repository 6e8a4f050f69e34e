//! Why a unit was not pulled, and what to do next.

use std::time::Duration;

use thiserror::Error;
use tidegate_guard::{Rejected, SessionId};
use tidegate_transport::{PeerId, ResetCode, StreamError, TransportError};

use crate::call::CallError;
use crate::wire::WireError;
use crate::{EndCause, EngineError, Receipt, Refusal, SourceError};

/// Why a unit was not pulled; nothing of it is visible, unless a call to attach it had started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PullError {
    /// The guard refused, or its session begins to close: stop.
    #[error("the guard refused")]
    Rejected(#[from] Rejected),
    /// The guard is of another session than the frozen guard: a mistake of the caller.
    #[error("the guard holds session {held}; wanted is {wanted}")]
    OtherSession {
        /// The guard's session.
        held: SessionId,
        /// The frozen guard's.
        wanted: SessionId,
    },
    /// No sources, or too many: a mistake of the caller.
    #[error("{count} sources; at least one and at most {max} can be pulled from")]
    Sources {
        /// How many were given.
        count: usize,
        /// How many may be.
        max: usize,
    },
    /// This node receives as much as it may: try again later.
    #[error("no room for one more receiver within {waited:?}")]
    Busy {
        /// How long it waited for room.
        waited: Duration,
    },
    /// A source could not be reached.
    #[error("no stream to {peer}")]
    Open {
        /// The source.
        peer: PeerId,
        /// What the transport said.
        #[source]
        error: TransportError,
    },
    /// A source does not take part.
    #[error("{peer} refused")]
    SourceRefused {
        /// The source.
        peer: PeerId,
        /// Why.
        #[source]
        refusal: Refusal,
    },
    /// A stream failed, or its source gave it up: go on from where it was.
    #[error("the stream from {peer} failed")]
    Stream {
        /// The source.
        peer: PeerId,
        /// How.
        #[source]
        error: StreamError,
    },
    /// A source sent nothing for that long: go on from where it was.
    #[error("nothing came from {peer} for {waited:?}")]
    Stalled {
        /// The source.
        peer: PeerId,
        /// How long.
        waited: Duration,
    },
    /// A source's receipt is not what came.
    #[error("from {peer} came {ours}; it sent {theirs}")]
    Receipt {
        /// The source.
        peer: PeerId,
        /// What came.
        ours: Receipt,
        /// What it says it sent.
        theirs: Receipt,
    },
    /// A source broke the protocol.
    #[error("{peer} broke the protocol")]
    Protocol {
        /// The source.
        peer: PeerId,
        /// How.
        #[source]
        error: WireError,
    },
    /// The engine failed.
    #[error("the engine failed")]
    Engine(#[source] EngineError),
    /// A call into the engine takes longer than is waited for; it goes on under its own guard.
    #[error("the engine did not answer within {waited:?}")]
    EngineStalled {
        /// How long.
        waited: Duration,
    },
    /// The transport was shut down: stop.
    #[error("the node is shutting down")]
    Shutdown,
    /// Given up because another source of the same pull failed first; never what a pull returns.
    #[error("given up, for another source had failed")]
    Superseded(EndCause),
}

/// What to do after a [`PullError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RetryClass {
    /// Try again at once: it goes on from where it was.
    Now,
    /// Try again after a pause, within a budget.
    Later,
    /// It fails every time: tell the operator.
    Hopeless,
    /// Its time is over: begin nothing more under this session.
    Stop,
}

impl PullError {
    /// What to do next.
    #[must_use]
    pub fn class(&self) -> RetryClass {
        match self {
            Self::Rejected(rejected)
            | Self::SourceRefused {
                refusal: Refusal::Rejected(rejected),
                ..
            }
            | Self::Engine(EngineError::Rejected(rejected)) => match rejected {
                Rejected::NotYetOpen { .. } => RetryClass::Later,
                Rejected::Closing | Rejected::Closed => RetryClass::Stop,
            },
            Self::SourceRefused {
                refusal: Refusal::NotMember,
                ..
            }
            | Self::Shutdown
            | Self::Engine(EngineError::Gone)
            | Self::Stream {
                error: StreamError::Reset(ResetCode::SessionClosed),
                ..
            } => RetryClass::Stop,
            Self::OtherSession { .. }
            | Self::Sources { .. }
            | Self::Engine(EngineError::Decode(_))
            | Self::Protocol {
                error: WireError::Version(_),
                ..
            }
            | Self::Open {
                error: TransportError::Refused { .. },
                ..
            } => RetryClass::Hopeless,
            Self::Stream {
                error:
                    StreamError::Reset(
                        ResetCode::UnitGone
                        | ResetCode::DiskFull
                        | ResetCode::Decode
                        | ResetCode::Shutdown
                        | ResetCode::Refused,
                    )
                    | StreamError::FrameTooLarge { .. },
                ..
            } => RetryClass::Later,
            Self::Stream { .. } | Self::Stalled { .. } | Self::Receipt { .. } | Self::Superseded(_) => {
                RetryClass::Now
            }
            Self::Busy { .. }
            | Self::Open { .. }
            | Self::SourceRefused { .. }
            | Self::Protocol { .. }
            | Self::Engine(_)
            | Self::EngineStalled { .. } => RetryClass::Later,
        }
    }

    /// What the metrics and the other streams are told.
    #[must_use]
    pub fn cause(&self) -> EndCause {
        match self {
            Self::Rejected(_) => EndCause::SessionClosed,
            Self::Stream { error, .. } => (*error).into(),
            Self::Open { .. } => EndCause::Disconnected,
            Self::SourceRefused { .. } => EndCause::Refused,
            Self::Stalled { .. } | Self::EngineStalled { .. } => EndCause::Stalled,
            Self::Receipt { .. } | Self::Protocol { .. } => EndCause::Decode,
            Self::Engine(error) => error.into(),
            Self::Shutdown => EndCause::Shutdown,
            Self::Superseded(cause) => *cause,
            Self::OtherSession { .. } | Self::Sources { .. } | Self::Busy { .. } => EndCause::Aborted,
        }
    }

    pub(super) fn of_source(peer: PeerId, error: SourceError) -> Self {
        match error {
            SourceError::Rejected(rejected) => Self::Rejected(rejected),
            SourceError::Refused(refusal) => Self::SourceRefused { peer, refusal },
            SourceError::Stream(error) => Self::Stream { peer, error },
            SourceError::Stalled { waited } => Self::Stalled { peer, waited },
            SourceError::Receipt { ours, theirs } => Self::Receipt { peer, ours, theirs },
            SourceError::Wire(error) => Self::Protocol { peer, error },
            SourceError::Torn => Self::Stream {
                peer,
                error: StreamError::Reset(ResetCode::Dropped),
            },
        }
    }

    pub(super) fn of_open(peer: PeerId, error: TransportError) -> Self {
        match error {
            TransportError::ShutDown => Self::Shutdown,
            error => Self::Open { peer, error },
        }
    }
}

impl From<EngineError> for PullError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Rejected(rejected) => Self::Rejected(rejected),
            error => Self::Engine(error),
        }
    }
}

impl From<CallError> for PullError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Closing => Self::Rejected(Rejected::Closing),
            CallError::TimedOut(waited) => Self::EngineStalled { waited },
            CallError::Engine(error) => error.into(),
        }
    }
}
