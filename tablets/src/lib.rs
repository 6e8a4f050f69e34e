//! Tablet metadata: transitions, stages, a pure apply, the metadata store contract and the request fence.
//!
//! (book page to come: the crate's owner completes it)

mod apply;
mod change;
mod fence;
mod holdings;
mod id;
mod local;
mod metadata;
mod metrics;
mod roles;
mod stage;
mod state;
mod store;
mod token;
mod transition;

pub use crate::apply::{Applied, TransitionEvent};
pub use crate::change::{Accepted, Change, Outcome, Refused, ReplicaSpec};
pub use crate::fence::{AdmitError, MetadataGuard, RequestFence};
pub use crate::id::{Epoch, NodeId, TableId, TabletId, Version};
pub use crate::local::{LocalConfig, LocalLog, LocalStore};
pub use crate::metadata::{Metadata, NodeInfo, Table, Tablet, quorum_of};
pub use crate::stage::{Selector, Stage};
pub use crate::state::{Answer, Decided, LogState};
pub use crate::store::{
    Changes, MetadataStore, Proposal, ProposeError, RequestId, StoreStopped, Touched, Update,
};
pub use crate::token::{Token, TokenRange};
pub use crate::transition::{Transition, TransitionKind};
