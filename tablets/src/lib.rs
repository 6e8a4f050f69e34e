//! Tablet metadata: transitions, stages, a pure apply, the metadata store contract and the request fence.
//!
//! A tablet is a contiguous range of a table's tokens with a set of replicas. One replica is replaced by another in
//! *stages*, each of which says which replicas reads and writes use. What a stage does to data it does under a
//! *session*, which the metadata opens and closes; and a node that has promised to be done with an older stage
//! lets nothing older in. This crate holds what all nodes have to agree on for that, and the little that each of
//! them has to remember by itself.
//!
//! Take it alone if you shard data, keep your cluster's state in a replicated log of your own, and want replicas
//! to move without late writes: put [`Metadata::apply`] into your state machine, implement [`MetadataStore`] on
//! it, and hold the suite in `conformance` against that. It starts no task, opens no socket and knows no storage
//! engine.
//!
//! # Map
//!
//! | what | where |
//! | --- | --- |
//! | what there is | [`Metadata`]: [`Tablet`], [`Table`], [`NodeInfo`], [`NodeAddress`]; [`StreamPermits`]; [`Token`], [`TokenRange`] |
//! | a change of replicas, its steps and who is read and written in each | [`Transition`], [`TransitionKind`], [`Reason`], [`Stage`], [`Selector`] |
//! | how it changes | [`Change`], [`Metadata::apply`], [`Applied`]; the answers are [`Accepted`] and [`Refused`] |
//! | whose part is what | [`Metadata::session_of`], [`Metadata::sources`], [`Transition::takes_part`], [`Metadata::tablets_of`] |
//! | the log | [`MetadataStore`], [`Changes`]; [`LogState`] for whoever implements them |
//! | a log in one process | [`LocalLog`], [`LocalStore`] |
//! | who gets in at which epoch | [`RequestFence`], [`MetadataGuard`]; [`FenceRule`], its pure core |
//! | the suite of [`MetadataStore`] | `conformance`, with the feature of that name |
//!
//! # Example
//!
//! A replica moves from node 1 to node 4; the fence of a replica follows.
//!
//! ```
//! use tidegate_tablets::{
//!     Accepted, AdmitError, Change, Epoch, Metadata, NodeId, Reason, Refused, RequestFence, Stage, TabletId,
//!     TransitionKind, Version,
//! };
//!
//! let mut metadata = Metadata::default();
//! let mut log = 0;
//! let mut apply = |metadata: &mut Metadata, change| {
//!     log += 1;
//!     metadata.apply(Version::new(log), &change).outcome
//! };
//! for node in 1..=4 {
//!     apply(&mut metadata, Change::AddNode { node: NodeId::new(node) })?;
//! }
//! let replicas = vec![[1, 2, 3].map(NodeId::new).into()];
//! apply(&mut metadata, Change::CreateTable { name: "events".to_owned(), replicas })?;
//! let tablet = TabletId::new(0);
//!
//! // A change names the epoch that it expects.
//! let begin = Change::Begin {
//!     tablet,
//!     expected: Epoch::new(1),
//!     kind: TransitionKind::Migration,
//!     leaving: Some(NodeId::new(1)),
//!     pending: Some(NodeId::new(4)),
//!     purge_floor: 0,
//!     reason: Reason::Operator,
//! };
//! assert_eq!(apply(&mut metadata, begin.clone())?, Accepted::Epoch(Epoch::new(2)));
//! assert_eq!(apply(&mut metadata, begin), Err(Refused::Epoch { actual: Epoch::new(2) }));
//!
//! // The next stage has a session, which those who take part keep open.
//! let to = Some(Stage::WriteBothReadOld);
//! apply(&mut metadata, Change::Advance { tablet, expected: Epoch::new(2), to })?;
//! assert_eq!(metadata.session_of(tablet, NodeId::new(4)), Some(tablet.session_at(Epoch::new(3))));
//! assert_eq!(metadata.session_of(tablet, NodeId::new(9)), None);
//!
//! // A node lets requests in by what its metadata shows, until a barrier asks it to be done with the older ones.
//! let fence = RequestFence::new();
//! fence.publish(tablet, Epoch::new(2));
//! fence.publish(tablet, Epoch::new(3));
//! let older = fence.admit(tablet, Epoch::new(2)).expect("not fenced off yet");
//! fence.raise(tablet, Epoch::new(3));
//! assert_eq!(fence.older_holders(tablet, Epoch::new(3)), 1);
//! drop(older);
//! assert_eq!(fence.older_holders(tablet, Epoch::new(3)), 0);
//! let refused = fence.admit(tablet, Epoch::new(2)).map(|_| ());
//! assert_eq!(refused, Err(AdmitError::Stale { wanted: Epoch::new(3) }));
//! # Ok::<(), Refused>(())
//! ```
//!
//! # Invariants
//!
//! 1. Apply is pure: the same changes in the same order make the same metadata, answers and sessions everywhere.
//! 2. A change that does not match its tablet's epoch, or makes no sense, changes nothing. An accepted one adds
//!    exactly one to the epoch of the tablet that it changes.
//! 3. A tablet has at most one transition, which replaces one replica or none.
//! 4. The selectors of reads and of writes never both change in one step.
//! 5. A session is cleared on every edge out of the last stage it belongs to, forward and back. Its id holds its
//!    tablet and the epoch that wrote it, so none comes twice.
//! 6. Numbers of nodes, tables and tablets that were used once are never used again.
//! 7. The cost of a change follows the change: copies of the metadata share what did not change.
//! 8. A fence is never absent where work is admitted, and never goes down. Looking at it and getting in is one
//!    step, so whoever is in when it goes up is waited for, and nobody follows.
//! 9. While balancing is off no transition begins but for an [`Operator`](Reason::Operator), whoever planned it when.
//!
//! # What is deliberately absent
//!
//! - A clock and random numbers: epochs order things, and name sessions.
//! - What makes a tablet move: that is the coordinator's, with retries, budgets and deadlines.
//! - A wire or disk format. Whoever replicates the log has one, in one module of theirs.
//! - Unique table names: numbers name tables. Whoever creates tables by name looks before it asks.
//! - Adding or removing a replica without replacing it, splitting and merging. The stages leave room for them.
//! - A way to bring an excluded node back. It comes empty, under a new number.

mod apply;
mod change;
#[cfg(feature = "conformance")]
pub mod conformance;
mod fence;
mod holdings;
mod id;
mod local;
mod metadata;
mod metrics;
mod permits;
mod primitive;
mod reason;
mod roles;
mod stage;
mod state;
mod store;
mod token;
mod transition;

pub use crate::apply::{Applied, TransitionEvent};
pub use crate::change::{Accepted, Change, Outcome, Refused, ReplicaSpec};
pub use crate::fence::{AdmitError, FenceRule, MetadataGuard, RequestFence};
pub use crate::id::{Epoch, NodeId, TableId, TabletId, Version};
pub use crate::local::{LocalConfig, LocalLog, LocalStore};
pub use crate::metadata::{Metadata, NodeAddress, NodeInfo, Table, Tablet, quorum_of};
pub use crate::permits::StreamPermits;
pub use crate::reason::Reason;
pub use crate::stage::{Selector, Stage};
pub use crate::state::{Answer, Decided, LogState};
pub use crate::store::{
    Changes, MetadataStore, Proposal, ProposeError, RequestId, StoreStopped, Touched, Update,
};
pub use crate::token::{Token, TokenRange};
pub use crate::transition::{Transition, TransitionKind};

/// The examples of the README are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
