//! What can go wrong, the same for all transports.

use std::time::Duration;

use thiserror::Error;

use crate::{PeerId, ResetCode};

/// Why a stream could not be opened or accepted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TransportError {
    /// Nobody answers at the peer's address, or it has none: try again later.
    #[error("{peer} cannot be reached: {reason}")]
    Unreachable {
        /// Who.
        peer: PeerId,
        /// What the network said.
        reason: String,
    },
    /// The peer, or this end, does not accept the other's identity or version: do not try again.
    #[error("{peer} and this node do not accept each other: {reason}")]
    Refused {
        /// Who.
        peer: PeerId,
        /// Why.
        reason: String,
    },
    /// The peer allows no more streams now, and none ended within the wait: try again later.
    #[error("{peer} allowed no further stream within {waited:?}")]
    TooManyStreams {
        /// Who.
        peer: PeerId,
        /// How long the open waited.
        waited: Duration,
    },
    /// This transport was shut down: stop.
    #[error("the transport was shut down")]
    ShutDown,
}

/// Why a frame could not be sent or received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The other end cut the stream short.
    #[error("the peer reset the stream: {0}")]
    Reset(ResetCode),
    /// The connection is gone, and with it every stream on it.
    #[error("the connection was lost")]
    Disconnected,
    /// The frame is longer than the transport's limit; the stream is reset.
    #[error("a frame of {len} bytes is over the limit of {max}")]
    FrameTooLarge {
        /// Bytes of the frame.
        len: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// The stream ended in the middle of a frame, or what came is no frame.
    #[error("the stream broke off inside a frame")]
    Malformed,
}
