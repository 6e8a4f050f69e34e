//! A node's side of tablet transitions: applies metadata, keeps sessions, answers barriers and operations.
//!
//! Take this crate if you have a store of your own and want its tablets moved: bring your data as a [`Storage`], your
//! metadata as a [`MetadataStore`](tidegate_tablets::MetadataStore), and a transport; put
//! [`services`](Replica::services) on the node's router, and ask [`admit`](Replica::admit) before each request. A
//! coordinator anywhere in the cluster calls it through [`ReplicaClient`].
//!
//! # What a node does
//!
//! | file | |
//! | --- | --- |
//! | `applier` | follows the metadata: closes sessions, opens sessions, publishes fences and map, in that order; never waits |
//! | `published` | the map that was applied, and the waits for a later one |
//! | `barrier` | waits for the metadata, raises the fence, waits for older requests and closing sessions |
//! | `operations` | `stream`, `cleanup`, `fill`, `purge`: each runs once, whoever asks for it |
//! | `admission` | who may pull a tablet from this node |
//! | `removals`, `sweeper` | deletes what no session covers: what was left behind, and what a node finds before it becomes pending |
//! | [`rules`] | what all of these ask: pure functions of the map |
//! | `control`, `client`, `wire` | how it is asked over a transport |
//!
//! # Metrics
//!
//! Through the `metrics` facade: `tidegate_requests_rejected_total{reason}`, requests that [`admit`](Replica::admit)
//! refused: `stale`, `not_replica`, `behind` or `not_running`.
//!
//! # Example
//!
//! ```
//! use std::collections::BTreeSet;
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use tidegate_kv::{HybridClock, KvConfig, KvStorage, MemoryEngine, SystemClock};
//! use tidegate_replica::{Replica, ReplicaConfig, ReplicaParts};
//! use tidegate_session::{SessionConfig, SessionRegistry};
//! use tidegate_streaming::StreamingContext;
//! use tidegate_tablets::{Change, LocalConfig, LocalLog, MetadataStore, NodeId, Proposal, RequestId};
//! use tidegate_transport::PeerId;
//! use tidegate_transport_mem::{MemConfig, MemNetwork};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let node = NodeId::new(1);
//! let log = LocalLog::new(LocalConfig::default());
//! let transport = MemNetwork::new(MemConfig::default()).join(PeerId::new(1))?;
//! let clock = Arc::new(HybridClock::new(node, 1, SystemClock));
//! let engine = Arc::new(MemoryEngine::new());
//! let storage = KvStorage::open(engine, clock, transport.clone(), &KvConfig::default()).await?;
//! let replica = Replica::start(ReplicaParts {
//!     node,
//!     store: log.store(node),
//!     sessions: SessionRegistry::new(SessionConfig::default()),
//!     storage: Arc::new(storage),
//!     transport,
//!     streaming: StreamingContext::default(),
//!     config: ReplicaConfig::default(),
//! });
//!
//! let changes = vec![
//!     Change::AddNode { node },
//!     Change::CreateTable { name: "t".to_owned(), replicas: vec![BTreeSet::from([node])] },
//! ];
//! log.store(node).propose(Proposal { request: RequestId(1), changes }).await?;
//! let deadline = Duration::from_secs(1);
//! let map = replica.wait_version(log.newest().version, deadline).await?;
//! let (tablet, shown) = map.tablets.iter().next().ok_or("no tablet")?;
//!
//! // A request runs under this guard; a barrier of a later epoch waits for it.
//! let guard = replica.admit(*tablet, shown.epoch, deadline).await?;
//! # drop(guard);
//! replica.stop().await;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # Invariants
//!
//! 1. What is open and what is closing follows from the map alone, whatever states were skipped on the way.
//! 2. A map is published only after the sessions that it no longer shows are closing, and those that it shows anew are
//!    open. So a session that is not open although the map is not older than it was, or will be, closed for ever.
//! 3. Before the first read barrier after a start has ended there is no map: nothing is admitted, thawed, answered or
//!    deleted.
//! 4. A barrier raises the fence before it waits, so what it waits for cannot grow.
//! 5. The session that a request carries is compared with the one in the map, never substituted.
//! 6. A removal that no session covers never meets rows that a newer map let in: it is entered as running before it
//!    looks at the map, and whoever lets rows in looks at the map before it looks for removals.
//! 7. An operation belongs to nobody who asked for it, and a call into the engine belongs to its guard.
//!
//! # What is deliberately absent
//!
//! Decisions: when to go on, to try again or to go back is the coordinator's. Rows: their format, their clock and their
//! quorums are the store's. A default session: a request without one is refused.

mod admission;
mod applier;
mod barrier;
mod client;
mod config;
mod control;
#[cfg(feature = "test-util")]
#[doc(hidden)]
pub mod decoders;
mod following;
mod meters;
mod operations;
mod published;
mod removals;
mod replica;
pub mod rules;
mod started;
mod storage;
mod sweeper;
mod told;
mod wire;

use tidegate_transport::service::ServiceId;

pub use crate::client::ReplicaClient;
pub use crate::config::ReplicaConfig;
pub use crate::published::WaitError;
pub use crate::replica::{AdmissionError, Replica, ReplicaParts};
pub use crate::storage::Storage;

/// The service on which a node answers barriers and operations.
pub const CONTROL_SERVICE: ServiceId = ServiceId::new(1);

/// The service on which a node sends streams.
pub const STREAM_SERVICE: ServiceId = ServiceId::new(2);
