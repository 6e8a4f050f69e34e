//! What openraft is told about this crate's types.

use std::fmt;
use std::sync::Arc;

use openraft::impls::leader_id_std::LeaderId;
use openraft::{LogId, Membership, StoredMembership};
use tidegate_tablets::{Answer, Proposal};

use crate::disk_id::DiskId;
use crate::runtime::SeededRuntime;

openraft::declare_raft_types!(
    /// Standard Raft: one leader per term, a log id is a term and an index. The membership names each node's disk.
    pub(crate) TypeConfig:
        D = Command,
        R = Decision,
        NodeId = u64,
        Node = DiskId,
        Term = u64,
        LeaderId = LeaderId<u64, u64>,
        AsyncRuntime = SeededRuntime,
);

/// A proposal in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command(pub(crate) Arc<Proposal>);

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "proposal {:x} of {} changes",
            self.0.request.0,
            self.0.changes.len()
        )
    }
}

/// What an entry has come to: nothing, where it held no proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision(pub(crate) Option<Answer>);

pub(crate) type Term = openraft::alias::CommittedLeaderIdOf<TypeConfig>;
pub(crate) type RaftLogId = LogId<Term>;
pub(crate) type RaftVote = openraft::Vote<LeaderId<u64, u64>>;
pub(crate) type RaftEntry = openraft::alias::EntryOf<TypeConfig>;
pub(crate) type RaftMembership = Membership<u64, DiskId>;
pub(crate) type RaftStoredMembership = StoredMembership<Term, u64, DiskId>;
pub(crate) type RaftSnapshotMeta = openraft::alias::SnapshotMetaOf<TypeConfig>;
pub(crate) type RaftSnapshot = openraft::alias::SnapshotOf<TypeConfig, bytes::Bytes>;
