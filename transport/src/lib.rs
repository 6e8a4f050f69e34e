//! The transport contract: frames over bidirectional streams between named peers.
//!
//! Take this crate alone to write code that talks between nodes and runs over any network: in memory in tests and
//! simulations, over QUIC or TCP in production. Take it, too, to write a transport: a conformance suite says
//! whether it keeps the contract. It brings no network of its own, but for a [pipe](pipe::pipe) between two tasks.
//!
//! | module | what is in it |
//! | --- | --- |
//! | (root) | [`Transport`], [`SendHalf`], [`RecvHalf`], the errors, [`ResetCode`], [`PeerId`] |
//! | [`pipe`] | a bounded in-memory stream with the whole contract |
//! | [`service`] | a hello names the service of a stream; a [`Router`](service::Router) serves many on one transport |
//! | [`rpc`] | calls with a deadline: one stream each, one request, any number of answers |
//! | [`backlog`], [`buffers`], [`loopback`] | for those who write a transport: what waits for `accept`, frames' buffers, streams to oneself |
//! | `conformance` | (feature) what every transport must do, as named tests |
//!
//! # Examples
//!
//! A service that answers calls, and a caller, over the in-memory network:
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//!
//! use async_trait::async_trait;
//! use bytes::Bytes;
//! use tidegate_transport::rpc::{self, Answers, Handler, RpcService};
//! use tidegate_transport::service::{Router, RouterConfig, ServiceId};
//! use tidegate_transport::{PeerId, ResetCode, Transport};
//! use tidegate_transport_mem::{MemConfig, MemNetwork};
//!
//! const GREET: ServiceId = ServiceId::new(7);
//!
//! #[derive(Debug)]
//! struct Greet;
//!
//! #[async_trait]
//! impl Handler for Greet {
//!     async fn handle(&self, peer: PeerId, name: Bytes, answers: &mut Answers) -> Result<(), ResetCode> {
//!         let name = std::str::from_utf8(&name).map_err(|_| ResetCode::Decode)?;
//!         answers.send(format!("{name}, called from {peer}").into()).await?;
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let network = MemNetwork::new(MemConfig::default());
//! let (near, far) = (network.join(PeerId::new(1))?, network.join(PeerId::new(2))?);
//! let router = Router::new(far.clone(), RouterConfig::default()).with(GREET, Arc::new(RpcService::new(Greet)));
//! let serving = tokio::spawn(async move { router.run().await });
//!
//! let second = Duration::from_secs(1);
//! let answer = rpc::call_one(&*near, far.local(), GREET, "Ebb".into(), second).await?;
//! assert_eq!(answer, "Ebb, called from n1");
//!
//! far.shutdown().await;
//! serving.await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Invariants
//!
//! 1. A stream that was not finished never ends cleanly: its receiver gets an error, whether its sender was dropped,
//!    aborted or reset, or the connection was lost.
//! 2. Frames arrive whole, once and in order, or the stream fails. A frame may be empty.
//! 3. What is in flight on a stream has a bound; a sender waits for its receiver.
//! 4. Once `finish` has returned, no shutdown of the sender takes anything from the receiver.
//! 5. A stream that nobody reads holds up no other.
//! 6. Every error is final for its stream, and the first cause is the one that both ends report.
//! 7. Every wait ends by itself, or is safe to drop, or says what dropping it costs.
//! 8. A handler's future lives no longer than its caller's interest.
//! 9. Who a peer is, the transport has proved; nothing reads it from a payload.
//!
//! The suite checks 1 to 8, and is itself checked on broken transports (`tests/it/doubles.rs`).
//!
//! # Deliberately absent
//!
//! - Addresses, certificates and trust: a transport's own matter.
//! - Retries: who calls knows what may be done twice.
//! - A codec: frames are bytes, and each wire boundary has its own. Here only the hello has a format, of eight bytes.
//! - Order between streams, datagrams, and one-way streams: nothing here needs them.
//! - Deadlines on the wire: clocks of two nodes do not meet; a caller that gives up lets go of its stream, and that
//!   ends the handler.

pub mod backlog;
pub mod buffers;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
pub mod loopback;
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
