//! An in-memory network for tests and simulation: every test its own, faults from a seed.
//!
//! Take this crate alone to test code that is written against the
//! [transport contract](tidegate_transport::Transport): it keeps the whole of it (the conformance suite runs over it,
//! with and without delays), and lets a test cut, part, silence, delay and lose connections. Under tokio's paused time a run
//! is a function of its seed.
//!
//! | module | what is in it |
//! | --- | --- |
//! | `network` | [`MemNetwork`]: who has joined, and what is wrong between them |
//! | `transport` | [`MemTransport`]: a node's end |
//! | `config` | [`MemConfig`], [`MemLimits`], [`LinkFaults`] |
//! | `connection`, `node`, `halves`, `voice`, `dice` | the streams that are cut together; those not yet accepted; a stream's halves; what is heard of them; the seed |
//!
//! # Examples
//!
//! ```
//! use tidegate_transport::{PeerId, StreamError, Transport, TransportError};
//! use tidegate_transport_mem::{MemConfig, MemNetwork};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let network = MemNetwork::new(MemConfig::default());
//! let (one, two) = (PeerId::new(1), PeerId::new(2));
//! let (near, far) = (network.join(one)?, network.join(two)?);
//!
//! let mut opened = near.open(two).await?;
//! opened.send.send(&["rising".into()]).await?;
//! let mut accepted = far.accept().await?;
//! assert_eq!(accepted.peer, one);
//! assert_eq!(accepted.stream.recv.recv().await?.as_deref(), Some(&b"rising"[..]));
//!
//! network.partition(one, two);
//! assert_eq!(accepted.stream.recv.recv().await, Err(StreamError::Disconnected));
//! assert!(matches!(near.open(two).await, Err(TransportError::Unreachable { .. })));
//!
//! network.heal(one, two);
//! near.open(two).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Invariants
//!
//! 1. Two networks share nothing: there is no static, and no id means anything outside its network.
//! 2. The same seed, the same order of opens on each link and paused time give the same faults at the same instants:
//!    each link, and each direction of each stream, has dice of its own.
//! 3. Frames, bytes, streams and unaccepted streams have a bound, and every open ends.
//! 4. A cut ends every stream of the link at both ends; what a receiver's side has taken whole and finished stays.
//! 5. Nothing passes a link that is silent: no frame, no end, no reset, no stop, no news of a cut, of a shutdown or of
//!    a drop. A stream that lost anything so stays silent that way; nobody but a deadline tells its users.
//! 6. An id has one transport at a time; a transport that was shut down or dropped has none.
//!
//! # Deliberately absent
//!
//! - Frames that are lost, doubled or reordered within a stream: the contract rules them out, so a network that did so
//!   would test nothing. What can be lost is a connection.
//! - Bandwidth: a delay does not depend on the length of a frame.
//! - Identity: a node is who it says it is.

mod config;
mod connection;
mod dice;
mod halves;
mod network;
mod node;
mod transport;
mod voice;

pub use crate::config::{LinkFaults, MemConfig, MemLimits};
pub use crate::network::{JoinError, MemNetwork};
pub use crate::transport::MemTransport;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
