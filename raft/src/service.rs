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

use crate::codec::message::{Reply, Request};
use crate::node::Node;
use crate::types::{RaftSnapshot, RaftVote};
use crate::wire::{self, WireError};

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
        let wait = self.node.config.caller_wait;
        let request = match wire::receive(recv.as_mut(), wait).await {
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
    async fn answer(&self, peer: PeerId, request: Request) -> Result<Reply, ResetCode> {
        let node = &self.node;
        if node.copy.metadata().is_excluded(NodeId::new(peer.as_u64())) {
            warn!(%peer, "refused a call from a node that is excluded");
            return Err(ResetCode::Refused);
        }
        let stopped = |_| ResetCode::Shutdown;
        let raft = &node.raft;
        Ok(match request {
            Request::Append(request) => {
                speaks_for_itself(peer, &request.vote)?;
                Reply::Append(Box::pin(raft.append_entries(request)).await.map_err(stopped)?)
            }
            Request::Vote(request) => {
                speaks_for_itself(peer, &request.vote)?;
                Reply::Vote(raft.vote(request).await.map_err(stopped)?)
            }
            Request::PreVote(request) => {
                speaks_for_itself(peer, &request.vote)?;
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
            request => node.lead(request).await,
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
