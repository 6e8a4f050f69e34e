//! The metadata store of a cluster: tidegate's metadata on Raft, with its log on disk.
//!
//! Tablets move by changes of metadata that all nodes have to agree on. This crate keeps the log of those changes on
//! several nodes: it is [`MetadataStore`](tidegate_tablets::MetadataStore) on openraft. It decides nothing about
//! tablets: what an entry does is [`LogState`](tidegate_tablets::LogState)'s affair, the same on every node.
//!
//! Take it if your cluster has no replicated log of its own; with one, implement the trait on that instead. The README
//! has an example that runs.
//!
//! # Map
//!
//! | what | where |
//! | --- | --- |
//! | one node's store | [`RaftStore`], [`RaftConfig`]; its service is [`RAFT_SERVICE`] |
//! | who takes part, who leads | [`MembershipChange`], [`Leaders`], [`RaftStatus`] |
//! | where log, vote and snapshot are kept | [`Disk`]: [`RedbDisk`], or [`MemoryDisk`] for tests and simulation |
//! | looking on while it applies | [`Observer`] |
//! | asking the leader, and answering | `asking`, `node`, `service`, `founding` |
//! | which disk a node takes part with | `disk_id` |
//! | what openraft is given: log, state machine, network, runtime | `log`, `machine`, `network`, `runtime` |
//! | what a node has applied, and who follows it | `copy`, `following`, `watching` |
//! | the formats of disk and wire | `codec`, `wire` |
//!
//! # Where a version comes from
//!
//! A version is the index of an entry of the log. Entries that hold no proposal (an election, a change of who takes
//! part) leave the version as it is, so versions have gaps, and none is given twice.
//!
//! # A disk that is lost
//!
//! A node whose disk is gone, or was taken back to an older state, must not come back under its number: what it has
//! promised is gone with it. [Remove](MembershipChange::Remove) it, and add an empty one under a new number.
//!
//! Each disk has an id of its own, and the membership names the disk with which each node has entered. One that comes back
//! with nothing has another id: it votes for nobody, acknowledges nothing, and ends as [`Emptied`] as soon as another node
//! asks it for either. A disk that was taken back to an older state has the same id, and is not noticed.
//!
//! # Invariants
//!
//! 1. An entry, and a vote, is on this node's disk before anyone hears of it.
//! 2. A proposal that is answered is on the disks of a majority, and in the copy of the node that answers.
//! 3. A proposal whose request id is remembered is decided once, whoever leads and whoever asks again. What is
//!    remembered is part of the replicated state.
//! 4. A read barrier ends only after a majority has said, later than its begin, that the leader asked still leads.
//!    No lease, and so no clock, is relied on for it.
//! 5. A copy never goes back, and one that was given stays as it is.
//! 6. Whoever votes or leads is who the transport says; a node that is excluded is not listened to, and only members ask
//!    the leader for anything.
//! 7. Every call between nodes has a deadline, every proposal ends, and every queue has a bound.
//! 8. A disk of another format, or of another node, is refused and left as it is.
//! 9. A node votes and acknowledges only for who asks it by the id of the disk that it has, and asks for votes only once
//!    the membership names that disk. Each disk's id is random, and durable before anyone hears of it.
//!
//! # What is deliberately absent
//!
//! - Reads that rely on the leader's lease.
//! - A choice of who is a voter: an operator, or a planner above, asks for it.
//! - Addresses: the transport knows where a node is.
//! - Encryption of the file.

mod asking;
mod codec;
mod config;
mod copy;
#[cfg(feature = "test-util")]
#[doc(hidden)]
pub mod decoders;
mod disk;
mod disk_id;
mod following;
mod founding;
mod leaders;
mod log;
mod machine;
mod membership;
mod network;
mod node;
mod observer;
#[cfg(test)]
mod openraft_suite;
mod runtime;
mod service;
mod status;
mod store;
mod types;
mod watching;
mod wire;

pub use crate::config::{ConfigError, RaftConfig};
pub use crate::disk::{DISK_FORMAT, Disk, DiskError, MemoryDisk, Note, OpenError, RedbDisk};
pub use crate::leaders::{Leaders, Leadership};
pub use crate::membership::{Emptied, FoundError, MembershipChange, MembershipError};
pub use crate::observer::Observer;
pub use crate::runtime::seed_elections;
pub use crate::status::{RaftStatus, Role};
pub use crate::store::{RaftStore, StartError};
pub use crate::wire::RAFT_SERVICE;

/// The examples of the README are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
