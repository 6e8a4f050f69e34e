//! What keeps the logs of those who take part alike: their headers.

use bincode::{Decode, Encode};
use bytes::Bytes;
use openraft::raft::{AppendEntriesRequest, VoteRequest};

use super::records::{LogIdFrame, VoteFrame};
use super::{CodecError, entry};
use crate::types::{RaftLogId, RaftVote, TypeConfig};

/// What one node that takes part asks of another.
#[derive(Debug, Clone)]
pub(crate) enum LogRequest {
    Append(AppendEntriesRequest<TypeConfig>),
    Vote(VoteRequest<TypeConfig>),
    PreVote(VoteRequest<TypeConfig>),
    /// The leader's vote, and a snapshot.
    Snapshot {
        vote: RaftVote,
        snapshot: Bytes,
    },
    /// The leader `from` wants `to` to take over.
    TakeOver {
        from: RaftVote,
        to: u64,
        last: Option<RaftLogId>,
    },
}

#[derive(Encode, Decode)]
pub(super) struct VoteRequestFrame {
    vote: VoteFrame,
    last: Option<LogIdFrame>,
    transfer: bool,
}

#[derive(Encode, Decode)]
pub(super) enum LogHeader {
    Append {
        vote: VoteFrame,
        previous: Option<LogIdFrame>,
        commit: Option<LogIdFrame>,
    },
    Vote(VoteRequestFrame),
    PreVote(VoteRequestFrame),
    Snapshot {
        vote: VoteFrame,
    },
    TakeOver {
        from: VoteFrame,
        to: u64,
        last: Option<LogIdFrame>,
    },
}

impl LogRequest {
    /// In whose name it is, and in which term.
    pub(crate) const fn vote(&self) -> &RaftVote {
        match self {
            Self::Append(request) => &request.vote,
            Self::Vote(request) | Self::PreVote(request) => &request.vote,
            Self::Snapshot { vote, .. } | Self::TakeOver { from: vote, .. } => vote,
        }
    }

    /// The header, and the body.
    pub(super) fn encode(&self) -> Result<(LogHeader, Bytes), CodecError> {
        let mut body = Bytes::new();
        let header = match self {
            Self::Append(request) => {
                body = entry::encode_all(&request.entries)?;
                LogHeader::Append {
                    vote: VoteFrame::new(&request.vote),
                    previous: request.prev_log_id.as_ref().map(LogIdFrame::new),
                    commit: request.leader_commit.as_ref().map(LogIdFrame::new),
                }
            }
            Self::Vote(request) => LogHeader::Vote(VoteRequestFrame::new(request)),
            Self::PreVote(request) => LogHeader::PreVote(VoteRequestFrame::new(request)),
            Self::Snapshot { vote, snapshot } => {
                body = snapshot.clone();
                let vote = VoteFrame::new(vote);
                LogHeader::Snapshot { vote }
            }
            Self::TakeOver { from, to, last } => LogHeader::TakeOver {
                from: VoteFrame::new(from),
                to: *to,
                last: last.as_ref().map(LogIdFrame::new),
            },
        };
        Ok((header, body))
    }

    pub(super) fn decode(header: LogHeader, body: &Bytes) -> Result<Self, CodecError> {
        let request = match header {
            LogHeader::Append {
                vote,
                previous,
                commit,
            } => {
                return Ok(Self::Append(AppendEntriesRequest {
                    vote: vote.open(),
                    prev_log_id: previous.map(LogIdFrame::open),
                    entries: entry::decode_all(body)?,
                    leader_commit: commit.map(LogIdFrame::open),
                }));
            }
            LogHeader::Snapshot { vote } => {
                return Ok(Self::Snapshot {
                    vote: vote.open(),
                    snapshot: body.clone(),
                });
            }
            LogHeader::Vote(frame) => Self::Vote(frame.open()),
            LogHeader::PreVote(frame) => Self::PreVote(frame.open()),
            LogHeader::TakeOver { from, to, last } => Self::TakeOver {
                from: from.open(),
                to,
                last: last.map(LogIdFrame::open),
            },
        };
        super::message::empty(body)?;
        Ok(request)
    }
}

impl VoteRequestFrame {
    fn new(request: &VoteRequest<TypeConfig>) -> Self {
        Self {
            vote: VoteFrame::new(&request.vote),
            last: request.last_log_id.as_ref().map(LogIdFrame::new),
            transfer: request.leadership_transfer,
        }
    }

    fn open(self) -> VoteRequest<TypeConfig> {
        VoteRequest {
            vote: self.vote.open(),
            last_log_id: self.last.map(LogIdFrame::open),
            leadership_transfer: self.transfer,
        }
    }
}
