//! The transport contract: frames over bidirectional streams between named peers.
//!
//! (book page to come: the crate's owner completes it)

#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod peer;
pub mod pipe;
mod reset;
pub mod rpc;
pub mod service;
mod transport;

pub use crate::error::{StreamError, TransportError};
pub use crate::peer::PeerId;
pub use crate::reset::ResetCode;
pub use crate::transport::{Duplex, Incoming, RecvHalf, SendHalf, Transport};
