//! Answers what other nodes ask.

use std::sync::Arc;

use async_trait::async_trait;
use openraft::raft::{TransferLeaderRequest, VoteRequest};
use tidegate_tablets::NodeId;
use tidegate_transport::service::Service;
use tidegate_transport::{Duplex, PeerId, RecvHalf, ResetCode};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::{debug, warn};

use crate::codec::message::{Reply, Request};
use crate::node::Node;
use crate::types::{RaftSnapshot, RaftVote, TypeConfig};
use crate::wire::{self, BODY_MAX, STRANGERS_BODY_MAX, WireError};

/// The last index that the log of a node may have that has founded a cluster and has not led it yet: the founding, and a
/// few elections that came to nothing.
const FOUNDING_LAST_MAX: u64 = 4;

/// Answers what other nodes ask of this node's log.
#[derive(Debug)]
pub(crate) struct RaftService {
    node: Arc<Node>,
    served: Semaphore,
}

impl RaftService {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        let served = Semaphore::new(node.config.served_max);
        Self { node, served }
    }
}

#[async_trait]
impl Service for RaftService {
    async fn serve(&self, peer: PeerId, stream: Duplex) {
        let Duplex { mut send, mut recv } = stream;
        let Ok(_place) = self.served.try_acquire() else {
            debug!(%peer, "refused a call: too many are served");
            send.reset(ResetCode::Refused);
            return;
        };
        if self.is_excluded(peer) {
            return send.reset(ResetCode::Refused);
        }
        let wait = self.node.config.caller_wait;
        let request = match wire::receive(recv.as_mut(), wait, self.body_max(peer).await).await {
            Ok(Some(request)) => request,
            Err(WireError::Protocol) => return send.reset(ResetCode::Decode),
            Err(WireError::Stalled) => return send.reset(ResetCode::Stalled),
            ended => {
                debug!(%peer, ?ended, "a call ended before its request");
                return;
            }
        };
        let Ok(request) = Request::decode(&request) else {
            warn!(%peer, "refused a call that is none of this version");
            return send.reset(ResetCode::Decode);
        };
        let answered = tokio::select! {
            biased;
            code = abandoned(recv.as_mut()) => Err(code),
            answered = self.answer(peer, request) => answered,
        };
        let reply = answered.and_then(|reply| reply.encode().map_err(|_| ResetCode::Aborted));
        match reply {
            Ok(reply) => {
                let sent = timeout(wait, async {
                    wire::send(send.as_mut(), &reply).await?;
                    send.finish().await
                });
                if let Ok(Err(error)) = sent.await {
                    debug!(%peer, %error, "nobody took a reply");
                }
            }
            Err(code) => send.reset(code),
        }
    }
}

/// Completes when the caller has let go of the call, or says what it may not.
async fn abandoned(recv: &mut dyn RecvHalf) -> ResetCode {
    match recv.recv().await {
        Ok(Some(_)) => ResetCode::Decode,
        Ok(None) => std::future::pending().await,
        Err(_) => ResetCode::Aborted,
    }
}

impl RaftService {
    fn is_excluded(&self, peer: PeerId) -> bool {
        let excluded = self.node.copy.metadata().is_excluded(NodeId::new(peer.as_u64()));
        if excluded {
            warn!(%peer, "refused a call from a node that is excluded");
        }
        excluded
    }

    /// Whether the peer is one of the cluster's nodes, as far as this one knows.
    fn is_member(&self, peer: PeerId) -> bool {
        let node = peer.as_u64();
        let metadata = self.node.copy.metadata();
        let listed = metadata.nodes.get(&NodeId::new(node));
        match listed {
            Some(info) => !info.excluded,
            None => self.node.takes_part(node),
        }
    }

    /// How long a body may be from there. Only a leader has a long one: a snapshot. A node that was away knows its
    /// leader by then; one that is new knows nobody.
    async fn body_max(&self, peer: PeerId) -> u64 {
        let leads = self.node.leader() == Some(NodeId::new(peer.as_u64()));
        if leads || self.is_member(peer) || self.node.is_new().await {
            BODY_MAX
        } else {
            STRANGERS_BODY_MAX
        }
    }

    /// What only members may ask of the one that leads. What keeps the log together may come from a node that this one
    /// has not heard of yet: its vote and its term are its papers.
    fn may_ask(&self, peer: PeerId, request: &Request) -> Result<(), ResetCode> {
        let for_members = matches!(
            request,
            Request::Propose { .. } | Request::ReadIndex | Request::Change { .. }
        );
        if for_members && !self.is_member(peer) {
            debug!(%peer, "refused a call from a node that is no member");
            return Err(ResetCode::Refused);
        }
        Ok(())
    }

    /// A node whose log is empty helps to elect who founds a cluster, and nobody else: where a log has gone on without it,
    /// it may have had a part in that, and have lost its disk since. The others elect a leader, and that one fills it.
    async fn may_elect(&self, peer: PeerId, request: &VoteRequest<TypeConfig>) -> Result<(), ResetCode> {
        let last = request.last_log_id.map_or(0, |last| last.index);
        if last > FOUNDING_LAST_MAX && self.node.is_new().await {
            warn!(%peer, last, "gave no vote: this node's log is empty, and may have been lost");
            return Err(ResetCode::Refused);
        }
        Ok(())
    }

    async fn answer(&self, peer: PeerId, request: Request) -> Result<Reply, ResetCode> {
        let node = &self.node;
        // Also here: the request may have taken its time.
        if self.is_excluded(peer) {
            return Err(ResetCode::Refused);
        }
        if matches!(request, Request::ReadIndex) && node.is_new().await {
            // Whoever asks: so it is seen that this node belongs to no cluster.
            return Ok(Reply::NotLeader { leader: None });
        }
        self.may_ask(peer, &request)?;
        let asks_index = matches!(request, Request::ReadIndex);
        let stopped = |_| ResetCode::Shutdown;
        let raft = &node.raft;
        Ok(match request {
            Request::Append(request) => {
                speaks_for_itself(peer, &request.vote)?;
                Reply::Append(Box::pin(raft.append_entries(request)).await.map_err(stopped)?)
            }
            Request::Vote(request) => {
                speaks_for_itself(peer, &request.vote)?;
                self.may_elect(peer, &request).await?;
                Reply::Vote(raft.vote(request).await.map_err(stopped)?)
            }
            Request::PreVote(request) => {
                speaks_for_itself(peer, &request.vote)?;
                self.may_elect(peer, &request).await?;
                Reply::Vote(raft.pre_vote(request).await.map_err(stopped)?)
            }
            Request::Snapshot { vote, snapshot } => {
                speaks_for_itself(peer, &vote)?;
                let meta = crate::codec::snapshot::decode_meta(&snapshot).map_err(|_| ResetCode::Decode)?;
                let snapshot = RaftSnapshot { meta, snapshot };
                let installed = Box::pin(raft.install_full_snapshot(vote, snapshot)).await;
                let vote = installed.map_err(|_| ResetCode::Shutdown)?.vote;
                Reply::Snapshot { vote }
            }
            Request::TakeOver { from, to, last } => {
                speaks_for_itself(peer, &from)?;
                let request = TransferLeaderRequest::new(from, to, last);
                let taken = raft.handle_transfer_leader(request).await;
                let accepted = taken.map_err(|_| ResetCode::Shutdown)?.is_ok();
                Reply::TakeOver { accepted }
            }
            request => match node.lead(request).await {
                // One that knows of no leader just now must not look like one that is new.
                Reply::NotLeader { leader: None } if asks_index => Reply::NotDone {
                    reason: "no leader is known".to_owned(),
                },
                reply => reply,
            },
        })
    }
}

/// Who votes, or leads, is who the transport says: a payload cannot speak for another.
fn speaks_for_itself(peer: PeerId, vote: &RaftVote) -> Result<(), ResetCode> {
    if vote.leader_id.voted_for == peer.as_u64() {
        Ok(())
    } else {
        warn!(%peer, %vote, "refused a vote in another node's name");
        Err(ResetCode::Refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vote_is_its_sender_s() {
        let vote = RaftVote::new_committed(3, 7);
        assert_eq!(speaks_for_itself(PeerId::new(7), &vote), Ok(()));
        assert_eq!(speaks_for_itself(PeerId::new(8), &vote), Err(ResetCode::Refused));
    }
}
