//! Answers what other nodes ask.

use std::sync::Arc;

use async_trait::async_trait;
use openraft::raft::TransferLeaderRequest;
use tidegate_tablets::NodeId;
use tidegate_transport::service::Service;
use tidegate_transport::{Duplex, PeerId, RecvHalf, ResetCode};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::{debug, warn};

use crate::codec::log_request::LogRequest;
use crate::codec::message::{Reply, Request};
use crate::node::Node;
use crate::types::{RaftSnapshot, RaftVote};
use crate::wire::{self, BODY_MAX, STRANGERS_BODY_MAX, WireError};

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

    /// What is asked of the one that leads only members may ask. What keeps the logs alike may come from a node that
    /// this one has not heard of yet: its vote and its term are its papers.
    fn may_ask(&self, peer: PeerId) -> Result<(), ResetCode> {
        if self.is_member(peer) {
            return Ok(());
        }
        debug!(%peer, "refused a call from a node that is no member");
        Err(ResetCode::Refused)
    }

    async fn answer(&self, peer: PeerId, request: Request) -> Result<Reply, ResetCode> {
        let node = &self.node;
        // Also here: the request may have taken its time.
        if self.is_excluded(peer) {
            return Err(ResetCode::Refused);
        }
        match request {
            Request::Log { disk, request } => {
                speaks_for_itself(peer, request.vote())?;
                if disk == node.disk {
                    self.keep_alike(request).await
                } else {
                    Ok(self.other_disk(peer).await)
                }
            }
            // Whoever asks: so a node comes to a cluster.
            Request::Disk => Ok(node.own_disk().await),
            request => {
                self.may_ask(peer)?;
                Ok(node.lead(request).await)
            }
        }
    }

    /// Somebody has asked what another disk of this node has to answer, on which its promises are.
    async fn other_disk(&self, peer: PeerId) -> Reply {
        let reply = self.node.own_disk().await;
        // With a log of its own this node takes part by this disk, and the other is behind: it has not heard that this
        // node was removed, and came back. Without one it cannot know that it was, and must not be taken for new.
        if matches!(reply, Reply::Disk { is_new: true, .. }) {
            self.node.end_as_emptied(NodeId::new(peer.as_u64()));
        }
        reply
    }

    /// Only ever of the disk that was meant: a vote, and that something is on the disk, are promises.
    async fn keep_alike(&self, request: LogRequest) -> Result<Reply, ResetCode> {
        let stopped = |_| ResetCode::Shutdown;
        let raft = &self.node.raft;
        Ok(match request {
            LogRequest::Append(request) => {
                Reply::Append(Box::pin(raft.append_entries(request)).await.map_err(stopped)?)
            }
            LogRequest::Vote(request) => Reply::Vote(raft.vote(request).await.map_err(stopped)?),
            LogRequest::PreVote(request) => Reply::Vote(raft.pre_vote(request).await.map_err(stopped)?),
            LogRequest::Snapshot { vote, snapshot } => {
                let meta = crate::codec::snapshot::decode_meta(&snapshot).map_err(|_| ResetCode::Decode)?;
                let snapshot = RaftSnapshot { meta, snapshot };
                let installed = Box::pin(raft.install_full_snapshot(vote, snapshot)).await;
                let vote = installed.map_err(|_| ResetCode::Shutdown)?.vote;
                Reply::Snapshot { vote }
            }
            LogRequest::TakeOver { from, to, last } => {
                let request = TransferLeaderRequest::new(from, to, last);
                let taken = raft.handle_transfer_leader(request).await;
                let accepted = taken.map_err(|_| ResetCode::Shutdown)?.is_ok();
                Reply::TakeOver { accepted }
            }
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
