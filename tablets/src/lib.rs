//! Tablet metadata: transitions, stages, a pure apply, the metadata store contract and the request fence.
//!
//! (book page to come: the crate's owner completes it)

mod apply;
mod change;
mod fence;
mod holdings;
mod id;
mod metadata;
mod roles;
mod stage;
mod store;
mod token;
mod transition;

pub use crate::apply::{Applied, TransitionEvent};
pub use crate::change::{Accepted, Change, Outcome, Refused, ReplicaSpec};
pub use crate::fence::{AdmitError, MetadataGuard, RequestFence};
pub use crate::id::{Epoch, NodeId, TableId, TabletId, Version};
pub use crate::metadata::{Metadata, NodeInfo, Table, Tablet, quorum_of};
pub use crate::stage::{Selector, Stage};
pub use crate::store::{
    Changes, MetadataStore, Proposal, ProposeError, RequestId, StoreStopped, Touched, Update,
};
pub use crate::token::{Token, TokenRange};
pub use crate::transition::{Transition, TransitionKind};
