//! Carries units of opaque rows from node to node under a guard, so that what is not whole has no effect.
//!
//! Take this crate alone if you move shards, backups or indexes between nodes, with your own storage engine and your
//! own way to decide who may do what: it needs a [guard](tidegate_guard), a [transport](tidegate_transport), and
//! nothing of the rest of tidegate. It knows no tablets: a [`UnitId`] is a number, a [`Batch`] is bytes.
//!
//! # How a unit is carried
//!
//! ```text
//! target: Puller                                  source: StreamService
//!   opens the engine's staging area, asks how far it has come
//!   Opening { unit, frozen guard, resume } ---->  permit, then Admission: a guard of that session
//!                                          <----  Accepted, or Refused { why }
//!                                                 a snapshot of the engine, read ahead
//!   check, stage                           <----  check, Batch
//!   compare                                <----  End { receipt }
//!   make all durable
//!   ReceiptAccepted { receipt }            ---->  compare: the sink is finished
//!   when every source is done: check, attach, in one step; until then a lost connection ends the pull
//! ```
//!
//! One task owns a stream's end. Every wait in it also watches the guard's `closing()`, the peer, and a deadline; the
//! first cause wins, and is what the peer (by the reset code) and the report say. Either end says that it lives while
//! a throttle holds it back. Calls into an engine run in tasks of their own, each with a guard: the stream may be
//! dropped at any moment, they end by themselves, and a drain waits for them.
//!
//! # Map
//!
//! - [`Puller`], [`PullRequest`], [`PullReport`], [`PullError`] and its [`RetryClass`]: the target's side.
//! - [`StreamService`], [`Admission`], [`Opening`], [`Refusal`]: the source's side.
//! - [`SourceEngine`], [`Scan`], [`TargetEngine`], [`Staging`]: what a storage engine brings; the suite that holds it
//!   to that is in `conformance`, behind the feature of that name.
//! - [`BatchSink`], [`PendingSink`], [`BatchSource`], [`Receipt`]: the two ends of one stream, for other uses of it.
//! - [`StreamingContext`], [`StreamingConfig`], [`Throttle`], [`ProgressEvents`]: what the streams of a node share.
//!
//! # Metrics
//!
//! Through the `metrics` facade. `tidegate_stream_batches_sent_total`, `tidegate_stream_bytes_sent_total`,
//! `tidegate_stream_batches_applied_total` and `tidegate_stream_bytes_applied_total`, each by `reason` (what a stream is
//! for, in words of [`Puller::because`] and [`Admission::reason`]); `tidegate_streams_ended_total{role,cause}`,
//! `tidegate_stream_busy_seconds`, `tidegate_stream_refused_total{reason}`, `tidegate_stream_rejected_total{reason,at}`,
//! `tidegate_stream_throttle_wait_seconds`, `tidegate_staging_areas`.
//!
//! # Example
//!
//! ```
//! use std::sync::Arc;
//!
//! use async_trait::async_trait;
//! use bytes::Bytes;
//! use tidegate_guard::{FrozenGuard, SessionId, SharedGuard, Unfenced};
//! use tidegate_streaming::{
//!     Admission, Batch, BatchSource, EngineError, Opening, Position, Refusal, STREAM_SERVICE, Scan, SourceEngine,
//!     StreamService, StreamingConfig, StreamingContext, Throttle, UnitId,
//! };
//! use tidegate_transport::service::{Router, RouterConfig, open_service};
//! use tidegate_transport::PeerId;
//! use tidegate_transport_mem::{MemConfig, MemNetwork};
//!
//! /// An engine that has three rows of every unit.
//! #[derive(Debug)]
//! struct Abc;
//!
//! #[async_trait]
//! impl SourceEngine for Abc {
//!     async fn snapshot(
//!         &self,
//!         _unit: UnitId,
//!         guard: SharedGuard,
//!         from: Option<Position>,
//!     ) -> Result<Box<dyn Scan>, EngineError> {
//!         guard.check()?;
//!         let mut left = vec!["c", "b", "a"];
//!         left.retain(|key| from.as_ref().is_none_or(|from| key.as_bytes() > &from.0[..]));
//!         Ok(Box::new(Letters(left)))
//!     }
//! }
//!
//! #[derive(Debug)]
//! struct Letters(Vec<&'static str>);
//!
//! #[async_trait]
//! impl Scan for Letters {
//!     async fn next(&mut self, _bytes_max: usize) -> Result<Option<Batch>, EngineError> {
//!         Ok(self.0.pop().map(|row| {
//!             let payload = Bytes::from_static(row.as_bytes());
//!             Batch { last: Position(payload.clone()), rows: 1, payload }
//!         }))
//!     }
//! }
//!
//! /// Admits every peer, fenced by nothing: in a cluster this thaws the frozen guard of the opening.
//! #[derive(Debug)]
//! struct Everyone;
//!
//! #[async_trait]
//! impl Admission for Everyone {
//!     async fn admit(&self, _peer: PeerId, _opening: &Opening) -> Result<SharedGuard, Refusal> {
//!         Ok(Arc::new(Unfenced))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let network = MemNetwork::new(MemConfig::default());
//! let (source, target) = (network.join(PeerId::new(1))?, network.join(PeerId::new(2))?);
//! let service = StreamService::new(Arc::new(Abc), Arc::new(Everyone), StreamingContext::default());
//! let router = Router::new(source, RouterConfig::default()).with(STREAM_SERVICE, Arc::new(service));
//! tokio::spawn(async move { router.run().await });
//!
//! // What a `Puller` does for every source, without its engine: everything behind the row "a".
//! let frozen = FrozenGuard { session: SessionId::from_u128(1)?, epoch: 1 };
//! let resume = Some(Position(Bytes::from_static(b"a")));
//! let opening = Opening { unit: UnitId::new(7), frozen, resume };
//! let stream = open_service(&*target, PeerId::new(1), STREAM_SERVICE).await?;
//! let (guard, config) = (Arc::new(Unfenced), StreamingConfig::default());
//! let mut batches = BatchSource::open(stream, &opening, guard, &config, Throttle::new()).await?;
//! let mut rows = Vec::new();
//! while let Some(batch) = batches.recv().await? {
//!     rows.push(batch.payload);
//! }
//! // The receipt was right. Whoever keeps rows makes them durable now, and accepts then.
//! let receipt = batches.accept().await?;
//! assert_eq!((rows, receipt.rows), (vec![Bytes::from("b"), Bytes::from("c")], 2));
//! # Ok(()) }
//! ```
//!
//! # Invariants
//!
//! - I-streaming-1. The guard is checked once before every batch is sent and once before every batch is staged or a
//!   unit attached, and is held until that has really ended, whoever has been dropped meanwhile.
//! - I-streaming-2. Only [`BatchSink::finish`] that returned a receipt is success for a source, and only
//!   [`BatchSource::accept`] for a target; every other end of either is a reset that says why.
//! - I-streaming-3. A receipt is accepted only if it is the one counted, and only after all of its rows are durable.
//! - I-streaming-4. A unit is attached once, when every one of its sources has an accepted receipt; before, nothing of
//!   it is visible.
//! - I-streaming-5. A guard is never of another session than the one that was named: they are compared, and neither
//!   is substituted; nil names none.
//! - I-streaming-6. Everything has a bound: batches ahead of network and engine, bytes of a frame, of a batch and of
//!   a position, streams at once in each direction, every wait. What a peer sends makes no end panic, and allocate no
//!   more than it sent.
//! - I-streaming-7. Sends and receives take separate permits, and nobody who waits for a permit holds a guard of the
//!   source.
//!
//! # Deliberately absent
//!
//! Retries (the caller's, by [`PullError::class`]); who is a source of what (the [`Admission`]'s); what a row is (the
//! engine's); compression; pushing; several units in one stream; streams that survive their connection.

mod account;
mod batch;
mod call;
mod cause;
mod checksum;
mod closed;
mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
mod context;
mod engine;
#[cfg(feature = "test-util")]
#[doc(hidden)]
pub mod frames;
mod lifeline;
mod meters;
mod opening;
mod permits;
mod points;
mod progress;
mod pull;
mod receipt;
mod service;
mod sink;
mod source;
mod throttle;
mod unit;
mod wire;

pub use crate::batch::{Batch, Position};
pub use crate::cause::EndCause;
pub use crate::config::StreamingConfig;
pub use crate::context::StreamingContext;
pub use crate::engine::{EngineError, Scan, SourceEngine, Staging, TargetEngine};
pub use crate::meters::{staging_area_dropped, staging_area_made};
pub use crate::opening::{Admission, Opening, Refusal};
pub use crate::progress::{ProgressEvents, ProgressStep, StreamProgress, StreamRole};
pub use crate::pull::{PullError, PullReport, PullRequest, Puller, RetryClass, StreamReport};
pub use crate::receipt::Receipt;
pub use crate::service::{STREAM_SERVICE, StreamService};
pub use crate::sink::{BatchSink, PendingSink, SinkError};
pub use crate::source::{BatchSource, SourceError};
pub use crate::throttle::Throttle;
pub use crate::unit::UnitId;
pub use crate::wire::WireError;
