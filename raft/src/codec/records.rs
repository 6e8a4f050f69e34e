//! Votes, log ids, memberships, and which disk it is.

use std::collections::{BTreeMap, BTreeSet};

use bincode::{Decode, Encode};
use bytes::Bytes;

use super::CodecError;
use crate::disk_id::DiskId;
use crate::types::{RaftLogId, RaftMembership, RaftStoredMembership, RaftVote};

#[derive(Debug, Clone, Copy, Encode, Decode)]
pub(super) struct LogIdFrame {
    term: u64,
    index: u64,
}

#[derive(Debug, Clone, Copy, Encode, Decode)]
pub(super) struct VoteFrame {
    term: u64,
    node: u64,
    committed: bool,
}

#[derive(Debug, Encode, Decode)]
pub(super) struct MembershipFrame {
    voters: Vec<Vec<u64>>,
    nodes: Vec<(u64, u128)>,
}

#[derive(Debug, Encode, Decode)]
pub(super) struct StoredMembershipFrame {
    log_id: Option<LogIdFrame>,
    membership: MembershipFrame,
}

pub(crate) fn encode_vote(vote: &RaftVote) -> Result<Bytes, CodecError> {
    super::encode(VoteFrame::new(vote))
}

pub(crate) fn decode_vote(frame: &[u8]) -> Result<RaftVote, CodecError> {
    Ok(super::decode::<VoteFrame>("a vote", frame)?.open())
}

pub(crate) fn encode_log_id(log_id: Option<&RaftLogId>) -> Result<Bytes, CodecError> {
    super::encode(log_id.map(LogIdFrame::new))
}

pub(crate) fn decode_log_id(frame: &[u8]) -> Result<Option<RaftLogId>, CodecError> {
    Ok(super::decode::<Option<LogIdFrame>>("a log id", frame)?.map(LogIdFrame::open))
}

pub(crate) fn encode_disk(disk: DiskId) -> Result<Bytes, CodecError> {
    super::encode(disk.0)
}

pub(crate) fn decode_disk(frame: &[u8]) -> Result<DiskId, CodecError> {
    super::decode("which disk it is", frame).map(DiskId)
}

impl LogIdFrame {
    pub(super) fn new(log_id: &RaftLogId) -> Self {
        Self {
            term: log_id.leader_id.term,
            index: log_id.index,
        }
    }

    pub(super) fn open(self) -> RaftLogId {
        RaftLogId {
            leader_id: self.term.into(),
            index: self.index,
        }
    }
}

impl VoteFrame {
    pub(super) const fn new(vote: &RaftVote) -> Self {
        Self {
            term: vote.leader_id.term,
            node: vote.leader_id.voted_for,
            committed: vote.committed,
        }
    }

    pub(super) fn open(self) -> RaftVote {
        if self.committed {
            RaftVote::new_committed(self.term, self.node)
        } else {
            RaftVote::new(self.term, self.node)
        }
    }
}

impl MembershipFrame {
    pub(super) fn new(membership: &RaftMembership) -> Self {
        Self {
            voters: membership
                .get_joint_config()
                .iter()
                .map(|voters| voters.iter().copied().collect())
                .collect(),
            nodes: membership.nodes().map(|(node, disk)| (*node, disk.0)).collect(),
        }
    }

    pub(super) fn open(self) -> Result<RaftMembership, CodecError> {
        let voters: Vec<BTreeSet<u64>> = self
            .voters
            .into_iter()
            .map(|voters| voters.into_iter().collect())
            .collect();
        let nodes: BTreeMap<u64, DiskId> = self
            .nodes
            .into_iter()
            .map(|(node, disk)| (node, DiskId(disk)))
            .collect();
        RaftMembership::new(voters, nodes).map_err(|_| CodecError::Malformed("a membership"))
    }
}

impl StoredMembershipFrame {
    pub(super) fn new(stored: &RaftStoredMembership) -> Self {
        Self {
            log_id: stored.log_id().as_ref().map(LogIdFrame::new),
            membership: MembershipFrame::new(stored.membership()),
        }
    }

    pub(super) fn open(self) -> Result<RaftStoredMembership, CodecError> {
        let log_id = self.log_id.map(LogIdFrame::open);
        Ok(RaftStoredMembership::new(log_id, self.membership.open()?))
    }
}
