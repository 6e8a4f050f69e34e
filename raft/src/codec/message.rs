//! The headers of requests and replies; what is long travels beside them as a body.

use std::time::Duration;

use bincode::{Decode, Encode};
use bytes::Bytes;
use openraft::raft::{AppendEntriesResponse, VoteResponse};
use tidegate_tablets::{Answer, NodeId, Proposal};

use super::log_request::{LogHeader, LogRequest};
use super::records::{LogIdFrame, VoteFrame};
use super::{CodecError, answer, change};
use crate::disk_id::DiskId;
use crate::membership::MembershipChange;
use crate::types::{RaftVote, TypeConfig};

/// A header, and what travels beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) header: Bytes,
    pub(crate) body: Bytes,
}

/// What one node asks of another.
#[derive(Debug, Clone)]
pub(crate) enum Request {
    /// What keeps the logs alike, of the node that has this disk.
    Log {
        disk: DiskId,
        request: LogRequest,
    },
    /// Which disk the node has, and whether its log is empty.
    Disk,
    Propose {
        proposal: Proposal,
        deadline: Duration,
    },
    ReadIndex,
    Change {
        change: MembershipChange,
        deadline: Duration,
    },
}

/// What the other answers.
#[derive(Debug)]
pub(crate) enum Reply {
    Append(AppendEntriesResponse<TypeConfig>),
    Vote(VoteResponse<TypeConfig>),
    Snapshot {
        vote: RaftVote,
    },
    /// Whether it will try.
    TakeOver {
        accepted: bool,
    },
    Decided(Answer),
    ReadIndex {
        index: u64,
    },
    Changed,
    /// Not done: ask the leader, if it is known.
    NotLeader {
        leader: Option<NodeId>,
    },
    /// Not done, and may be later.
    NotDone {
        reason: String,
    },
    /// Done, or not.
    Unknown {
        reason: String,
    },
    /// Not done, and never will be.
    Refused {
        reason: String,
    },
    /// Which disk the node has, and whether its log is empty. To what was asked of another disk: nothing was done.
    Disk {
        disk: DiskId,
        is_new: bool,
    },
}

#[derive(Encode, Decode)]
enum RequestHeader {
    Log { disk: u128, request: LogHeader },
    Disk,
    Propose { deadline_ms: u64 },
    ReadIndex,
    Change { change: ChangeHeader, deadline_ms: u64 },
}

#[derive(Encode, Decode)]
enum ChangeHeader {
    AddLearner(u64),
    Promote(u64),
    Remove(u64),
    TransferLeader(u64),
}

#[derive(Encode, Decode)]
enum ReplyHeader {
    Appended,
    AppendedUpTo(Option<LogIdFrame>),
    Conflict,
    HigherVote(VoteFrame),
    Vote {
        vote: VoteFrame,
        granted: bool,
        last: Option<LogIdFrame>,
    },
    Snapshot {
        vote: VoteFrame,
    },
    TakeOver {
        accepted: bool,
    },
    Decided,
    ReadIndex {
        index: u64,
    },
    Changed,
    NotLeader {
        leader: Option<u64>,
    },
    NotDone {
        reason: String,
    },
    Unknown {
        reason: String,
    },
    Refused {
        reason: String,
    },
    Disk {
        disk: u128,
        is_new: bool,
    },
}

impl Request {
    pub(crate) fn encode(&self) -> Result<Message, CodecError> {
        let mut body = Bytes::new();
        let header = match self {
            Self::Log { disk, request } => {
                let (header, beside) = request.encode()?;
                body = beside;
                RequestHeader::Log {
                    disk: disk.0,
                    request: header,
                }
            }
            Self::Disk => RequestHeader::Disk,
            Self::Propose { proposal, deadline } => {
                body = change::encode(proposal)?;
                let deadline_ms = millis(*deadline);
                RequestHeader::Propose { deadline_ms }
            }
            Self::ReadIndex => RequestHeader::ReadIndex,
            Self::Change { change, deadline } => RequestHeader::Change {
                change: ChangeHeader::new(*change),
                deadline_ms: millis(*deadline),
            },
        };
        let header = super::encode(header)?;
        Ok(Message { header, body })
    }

    pub(crate) fn decode(message: &Message) -> Result<Self, CodecError> {
        let body = &message.body;
        let request = match super::decode("a request", &message.header)? {
            RequestHeader::Log { disk, request } => {
                return Ok(Self::Log {
                    disk: DiskId(disk),
                    request: LogRequest::decode(request, body)?,
                });
            }
            RequestHeader::Propose { deadline_ms } => {
                return Ok(Self::Propose {
                    proposal: change::decode(body)?,
                    deadline: Duration::from_millis(deadline_ms),
                });
            }
            RequestHeader::Disk => Self::Disk,
            RequestHeader::ReadIndex => Self::ReadIndex,
            RequestHeader::Change { change, deadline_ms } => Self::Change {
                change: change.open(),
                deadline: Duration::from_millis(deadline_ms),
            },
        };
        empty(body)?;
        Ok(request)
    }
}

impl Reply {
    pub(crate) fn encode(&self) -> Result<Message, CodecError> {
        let mut body = Bytes::new();
        let header = match self {
            Self::Append(AppendEntriesResponse::Success) => ReplyHeader::Appended,
            Self::Append(AppendEntriesResponse::PartialSuccess(upto)) => {
                ReplyHeader::AppendedUpTo(upto.as_ref().map(LogIdFrame::new))
            }
            Self::Append(AppendEntriesResponse::Conflict) => ReplyHeader::Conflict,
            Self::Append(AppendEntriesResponse::HigherVote(vote)) => {
                ReplyHeader::HigherVote(VoteFrame::new(vote))
            }
            Self::Vote(response) => ReplyHeader::Vote {
                vote: VoteFrame::new(&response.vote),
                granted: response.vote_granted,
                last: response.last_log_id.as_ref().map(LogIdFrame::new),
            },
            Self::Snapshot { vote } => ReplyHeader::Snapshot {
                vote: VoteFrame::new(vote),
            },
            Self::TakeOver { accepted } => ReplyHeader::TakeOver { accepted: *accepted },
            Self::Decided(decided) => {
                body = answer::encode(decided)?;
                ReplyHeader::Decided
            }
            Self::ReadIndex { index } => ReplyHeader::ReadIndex { index: *index },
            Self::Changed => ReplyHeader::Changed,
            Self::NotLeader { leader } => ReplyHeader::NotLeader {
                leader: leader.map(NodeId::as_u64),
            },
            Self::NotDone { reason } => ReplyHeader::NotDone {
                reason: reason.clone(),
            },
            Self::Unknown { reason } => ReplyHeader::Unknown {
                reason: reason.clone(),
            },
            Self::Refused { reason } => ReplyHeader::Refused {
                reason: reason.clone(),
            },
            Self::Disk { disk, is_new } => ReplyHeader::Disk {
                disk: disk.0,
                is_new: *is_new,
            },
        };
        let header = super::encode(header)?;
        Ok(Message { header, body })
    }

    pub(crate) fn decode(message: &Message) -> Result<Self, CodecError> {
        let reply = match super::decode("a reply", &message.header)? {
            ReplyHeader::Decided => return Ok(Self::Decided(answer::decode(&message.body)?)),
            ReplyHeader::Appended => Self::Append(AppendEntriesResponse::Success),
            ReplyHeader::AppendedUpTo(upto) => {
                Self::Append(AppendEntriesResponse::PartialSuccess(upto.map(LogIdFrame::open)))
            }
            ReplyHeader::Conflict => Self::Append(AppendEntriesResponse::Conflict),
            ReplyHeader::HigherVote(vote) => Self::Append(AppendEntriesResponse::HigherVote(vote.open())),
            ReplyHeader::Vote { vote, granted, last } => Self::Vote(VoteResponse {
                vote: vote.open(),
                vote_granted: granted,
                last_log_id: last.map(LogIdFrame::open),
            }),
            ReplyHeader::Snapshot { vote } => Self::Snapshot { vote: vote.open() },
            ReplyHeader::TakeOver { accepted } => Self::TakeOver { accepted },
            ReplyHeader::ReadIndex { index } => Self::ReadIndex { index },
            ReplyHeader::Changed => Self::Changed,
            ReplyHeader::NotLeader { leader } => Self::NotLeader {
                leader: leader.map(NodeId::new),
            },
            ReplyHeader::NotDone { reason } => Self::NotDone { reason },
            ReplyHeader::Unknown { reason } => Self::Unknown { reason },
            ReplyHeader::Refused { reason } => Self::Refused { reason },
            ReplyHeader::Disk { disk, is_new } => Self::Disk {
                disk: DiskId(disk),
                is_new,
            },
        };
        empty(&message.body)?;
        Ok(reply)
    }
}

impl ChangeHeader {
    const fn new(change: MembershipChange) -> Self {
        match change {
            MembershipChange::AddLearner(node) => Self::AddLearner(node.as_u64()),
            MembershipChange::Promote(node) => Self::Promote(node.as_u64()),
            MembershipChange::Remove(node) => Self::Remove(node.as_u64()),
            MembershipChange::TransferLeader(node) => Self::TransferLeader(node.as_u64()),
        }
    }

    const fn open(self) -> MembershipChange {
        match self {
            Self::AddLearner(node) => MembershipChange::AddLearner(NodeId::new(node)),
            Self::Promote(node) => MembershipChange::Promote(NodeId::new(node)),
            Self::Remove(node) => MembershipChange::Remove(NodeId::new(node)),
            Self::TransferLeader(node) => MembershipChange::TransferLeader(NodeId::new(node)),
        }
    }
}

pub(super) fn empty(body: &Bytes) -> Result<(), CodecError> {
    if body.is_empty() {
        Ok(())
    } else {
        Err(CodecError::Malformed("a body that should not be there"))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
