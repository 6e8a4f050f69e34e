//! openraft's network, over a transport.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use openraft::OptionalSend;
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Timeout, Unreachable};
use openraft::network::{RPCOption, RPCTypes, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderError,
    TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use tidegate_transport::{PeerId, Transport};
use tracing::warn;

use crate::codec::log_request::LogRequest;
use crate::codec::message::{Reply, Request};
use crate::disk_id::DiskId;
use crate::types::{RaftSnapshot, RaftVote, TypeConfig};
use crate::wire::{self, CallError};

/// Makes the connections of one node.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    pub(crate) transport: Arc<dyn Transport>,
    /// How long an append with entries may take: what openraft allows is meant for heartbeats.
    pub(crate) append_deadline: Duration,
}

/// What a node says to one other node.
#[derive(Debug)]
pub(crate) struct Connection {
    network: Network,
    peer: u64,
    /// The disk that the membership names: of another one nothing is asked.
    disk: DiskId,
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Connection;

    async fn new_client(&mut self, target: u64, disk: &DiskId) -> Connection {
        Connection {
            network: self.clone(),
            peer: target,
            disk: *disk,
        }
    }
}

impl Connection {
    async fn call(
        &self,
        what: RPCTypes,
        request: LogRequest,
        deadline: Duration,
    ) -> Result<Reply, RPCError<TypeConfig>> {
        let transport = &*self.network.transport;
        let disk = self.disk;
        let request = Request::Log { disk, request };
        let reply = wire::call(transport, PeerId::new(self.peer), &request, deadline).await;
        match reply {
            Ok(Reply::Disk { disk: found, .. }) => {
                let reason = format!("it has disk {found}, and takes part with disk {disk}");
                warn!(
                    peer = self.peer,
                    reason,
                    "a node does not count: its disk was lost or changed, or this node has not heard of it yet"
                );
                Err(RPCError::Unreachable(Unreachable::from_string(reason)))
            }
            Ok(reply) => Ok(reply),
            Err(CallError::TimedOut(timeout)) => Err(RPCError::Timeout(Timeout {
                action: what,
                id: transport.local().as_u64(),
                target: self.peer,
                timeout,
            })),
            // With a pause before the next attempt, whatever it was: another attempt at once would fail too.
            Err(error) => Err(RPCError::Unreachable(Unreachable::new(&error))),
        }
    }
}

fn other_reply(reply: &Reply) -> RPCError<TypeConfig> {
    RPCError::Unreachable(Unreachable::from_string(format!(
        "not the reply to that: {reply:?}"
    )))
}

impl RaftNetworkV2<TypeConfig> for Connection {
    type SnapshotData = Bytes;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, RPCError<TypeConfig>> {
        let deadline = if rpc.entries.is_empty() {
            option.hard_ttl()
        } else {
            self.network.append_deadline.max(option.hard_ttl())
        };
        let call = self.call(RPCTypes::AppendEntries, LogRequest::Append(rpc), deadline);
        match call.await? {
            Reply::Append(response) => Ok(response),
            other => Err(other_reply(&other)),
        }
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        let call = self.call(RPCTypes::Vote, LogRequest::Vote(rpc), option.hard_ttl());
        match call.await? {
            Reply::Vote(response) => Ok(response),
            other => Err(other_reply(&other)),
        }
    }

    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        let call = self.call(RPCTypes::Vote, LogRequest::PreVote(rpc), option.hard_ttl());
        match call.await? {
            Reply::Vote(response) => Ok(response),
            other => Err(other_reply(&other)),
        }
    }

    async fn full_snapshot(
        &mut self,
        vote: RaftVote,
        snapshot: RaftSnapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let request = LogRequest::Snapshot {
            vote,
            snapshot: snapshot.snapshot,
        };
        let reply = tokio::select! {
            biased;
            closed = cancel => return Err(StreamingError::Closed(closed)),
            reply = self.call(RPCTypes::InstallSnapshot, request, option.hard_ttl()) => reply?,
        };
        match reply {
            Reply::Snapshot { vote } => Ok(SnapshotResponse::new(vote)),
            other => Err(other_reply(&other).into()),
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, RPCError<TypeConfig>> {
        let (from, last) = (*request.from_leader(), request.last_log_id().copied());
        let asked = LogRequest::TakeOver {
            from,
            to: *request.to_node_id(),
            last,
        };
        match self
            .call(RPCTypes::TransferLeader, asked, option.hard_ttl())
            .await?
        {
            Reply::TakeOver { accepted: true } => Ok(Ok(())),
            Reply::TakeOver { accepted: false } => Ok(Err(TransferLeaderError::LogNotFlushed {
                expected: last,
                actual: None,
            })),
            other => Err(other_reply(&other)),
        }
    }
}
