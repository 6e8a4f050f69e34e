//! A linearizable key-value store on tablets: rows, clock, quorum path, purge and a memory engine.
//!
//! Any node takes a client's read or write, picks the replicas by its map, and sends them the tablet's epoch; a
//! replica refuses an epoch below its fence. What an operation ends with is held by a quorum of every replica set
//! that writes go to, before the client hears of it. So single keys are linearizable, before, during and after a
//! move.
//!
//! Take it alone if you want such a store on an engine of your own: implement [`RowStore`], hold the suite in
//! `conformance` against it, and put [`KvService`] and [`KvClient`] on your nodes. Or take less of it: [`HybridClock`],
//! or the codec of row batches. Who shards data of another kind needs nothing of this crate: the layers below know
//! no rows.
//!
//! # Map
//!
//! | what | where |
//! | --- | --- |
//! | what is stored | [`Row`], [`Timestamp`]; where a key lies: [`token_of`] |
//! | rows as bytes | [`encode_rows`], [`decode_rows`], [`share_rows`], [`RowBatchBuilder`]; under a key: [`StoredValue`] |
//! | the clock | [`HybridClock`], [`PhysicalClock`] |
//! | what an engine must do | [`RowStore`], [`TabletSize`]; its suite: `conformance`, with the feature of that name |
//! | an engine | [`MemoryEngine`] |
//! | a client's side of requests | [`KvClient`], [`Write`], [`ReadError`], [`WriteError`] |
//! | a replica's side of requests | [`KvService`]; what it needs of its node: [`Admit`] |
//! | a replica's side of moves and purges | [`KvStorage`] |
//! | limits | [`KvConfig`] |
//!
//! # Example
//!
//! A cluster of one node. More nodes differ in their number and their transport alone.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use tidegate_kv::{HybridClock, KvClient, KvConfig, KvService, KvStorage, MemoryEngine, RowStore, SystemClock};
//! use tidegate_replica::{Replica, ReplicaConfig, ReplicaParts};
//! use tidegate_session::{SessionConfig, SessionRegistry};
//! use tidegate_tablets::{Accepted, Change, LocalConfig, LocalLog, MetadataStore, NodeId, Proposal, RequestId};
//! use tidegate_transport::service::{Router, RouterConfig};
//! use tidegate_transport::{PeerId, Transport};
//! use tidegate_transport_mem::{MemConfig, MemNetwork};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let node = NodeId::new(1);
//! let log = LocalLog::new(LocalConfig::default()).store(node);
//! let transport: Arc<dyn Transport> = MemNetwork::new(MemConfig::default()).join(PeerId::new(1))?;
//! // The number must be new at every start.
//! let clock = Arc::new(HybridClock::new(node, 1, SystemClock));
//! let engine: Arc<dyn RowStore> = Arc::new(MemoryEngine::new());
//! let config = KvConfig::default();
//!
//! let storage = KvStorage::open(engine.clone(), clock.clone(), transport.clone(), &config).await?;
//! let replica = Replica::start(ReplicaParts {
//!     node,
//!     store: log.clone(),
//!     sessions: SessionRegistry::new(SessionConfig::default()),
//!     storage: Arc::new(storage),
//!     transport: transport.clone(),
//!     streaming: Default::default(),
//!     config: ReplicaConfig::default(),
//! });
//! let (id, requests) = KvService::new(replica.clone(), engine, clock.clone(), config.clone()).into_service();
//! let mut router = Router::new(transport.clone(), RouterConfig::default()).with(id, requests);
//! for (id, service) in replica.services() {
//!     router = router.with(id, service);
//! }
//! tokio::spawn(async move { router.run().await });
//!
//! let changes = vec![
//!     Change::AddNode { node },
//!     Change::CreateTable { name: "events".to_owned(), replicas: vec![[node].into()] },
//! ];
//! let outcomes = log.propose(Proposal { request: RequestId(1), changes }).await?;
//! let Ok(Accepted::Table(table)) = outcomes[1] else { panic!("{outcomes:?}") };
//! replica.wait_version(log.read_barrier().await?, Duration::from_secs(1)).await?;
//!
//! let client = KvClient::new(replica.clone(), transport.clone(), clock, config);
//! client.put(table, "key".into(), "value".into()).await?;
//! assert_eq!(client.get(table, "key".into()).await?, Some("value".into()));
//! client.delete(table, "key".into()).await?;
//! assert_eq!(client.get(table, "key".into()).await?, None);
//! # replica.stop().await;
//! # transport.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Invariants
//!
//! 1. No two writes share a timestamp. A write takes one, later than what a quorum of the set that its stage reads
//!    from has shown of the key, and keeps it however often it is tried.
//! 2. Of two rows of a key the later one stays, wherever they meet: written, staged, attached or filled in.
//! 3. One attempt uses one epoch. When a replica wants another, all answers are forgotten.
//! 4. What a read returns, and what a write was acknowledged for, is held by a quorum of every set that writes go
//!    to. An excluded replica is not asked, and counts in the size of its set.
//! 5. A call into an engine holds the guard that admitted it until it has really ended, whoever asked for it. Nothing
//!    else is done under that guard: neither a wait for the network nor for metadata holds up a barrier.
//! 6. A write that is refused ([`WriteError::is_refused`]) is not done and never will be.
//! 7. A write that is not later than the tablet's purge floor is not tried again; its outcome is unknown.
//! 8. Tombstones are shown only to participants of the purge that this node's own metadata names, under its session.
//! 9. A replica's clock is never behind what it has accepted or purged, and the asking node's clock follows it.
//! 10. No bytes from a peer make the codec panic, or allocate more than a small multiple of their number.
//!
//! # Deliberately absent
//!
//! - Transactions, conditional writes, and any order between keys.
//! - Scans for clients: [`RowStore::scan`] is for whoever looks into a replica.
//! - Expiry of rows, and any purge outside of the transition of that name.
//! - Reads from one replica, which could be stale, and answers by digest: a read fetches the rows of a quorum.
//! - A cache: what a node knows of a tablet is its map.

mod admit;
mod calls;
mod client;
mod clock;
mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "test-util")]
#[doc(hidden)]
pub mod decoders;
mod memory_engine;
mod plan;
mod row;
mod row_batch;
mod row_store;
mod service;
mod storage;
mod stored_value;
mod timestamp;
mod token;
mod wire;

pub use crate::admit::Admit;
pub use crate::client::{KvClient, ReadError, Write, WriteError};
pub use crate::clock::{HybridClock, PhysicalClock, SystemClock};
pub use crate::config::KvConfig;
pub use crate::memory_engine::MemoryEngine;
pub use crate::row::Row;
pub use crate::row_batch::{
    DecodeError, RowBatchBuilder, RowIter, RowRef, RowTooLong, decode_rows, encode_rows, share_rows,
};
pub use crate::row_store::{RowStore, TabletSize};
pub use crate::service::{KV_SERVICE, KvService};
pub use crate::storage::KvStorage;
pub use crate::stored_value::StoredValue;
pub use crate::timestamp::Timestamp;
pub use crate::token::token_of;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
