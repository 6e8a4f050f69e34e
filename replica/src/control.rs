//! The control service: barriers and operations, asked for by a peer.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_coordinator::{BarrierRequest, Operation};
use tidegate_tablets::NodeId;
use tidegate_transport::rpc::{Answers, Handler};
use tidegate_transport::{PeerId, ResetCode};
use tokio::task::JoinSet;
use tracing::warn;

use crate::ReplicaConfig;
use crate::barrier::Barrier;
use crate::operations::Operations;
use crate::published::Published;
use crate::wire::{self, BarrierReply, Request};

/// Answers barriers and operations. A member may ask, and nobody else; epochs and sessions make one that is behind
/// harmless.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) config: ReplicaConfig,
    pub(crate) barrier: Barrier,
    pub(crate) operations: Arc<Operations>,
    pub(crate) published: Arc<Published>,
}

#[async_trait]
impl Handler for Control {
    async fn handle(&self, peer: PeerId, request: Bytes, answers: &mut Answers) -> Result<(), ResetCode> {
        // An error is answered before any metadata is read.
        let request = wire::decode_request(&request).map_err(|_| ResetCode::Decode)?;
        // Before the first read barrier there is no map, so nobody is known to be a member; the asker hears that
        // this node is not ready, and nothing is done.
        if let Some(map) = self.published.map()
            && !map.is_live_member(NodeId::new(peer.as_u64()))
        {
            warn!(%peer, "refused a call from a node that is no live member");
            return Err(ResetCode::Refused);
        }
        match request {
            Request::Barrier(request) => self.barrier(request, answers).await,
            Request::Operate(operation) => self.operate(operation, answers).await,
        }
    }
}

impl Control {
    async fn barrier(&self, request: BarrierRequest, answers: &mut Answers) -> Result<(), ResetCode> {
        if request.tablets.len() > self.config.barrier_tablets_max {
            return Err(ResetCode::Decode);
        }
        let deadline = request.deadline.min(self.config.barrier_deadline_max);
        // Each tablet on its own: a slow one holds up no other. Dropped with the caller, which undoes nothing.
        let mut running = JoinSet::new();
        for (tablet, epoch) in request.tablets {
            let barrier = self.barrier.clone();
            let min_version = request.min_version;
            running.spawn(async move {
                let result = barrier.run(tablet, epoch, min_version, deadline).await;
                BarrierReply {
                    tablet,
                    epoch,
                    result,
                }
            });
        }
        #[cfg(tidegate_mutants)]
        let mut running: JoinSet<_> = if tidegate_mutants::on("one-answer-for-a-batch") {
            let replies = running.join_all().await;
            replies.into_iter().map(std::future::ready).collect()
        } else {
            running
        };
        while let Some(reply) = running.join_next().await {
            let reply = reply.map_err(|_| ResetCode::Aborted)?;
            let frame = wire::encode_barrier(&reply).map_err(|_| ResetCode::Aborted)?;
            answers.send(frame).await.map_err(|_| ResetCode::Aborted)?;
        }
        Ok(())
    }

    async fn operate(&self, operation: Operation, answers: &mut Answers) -> Result<(), ResetCode> {
        let result = self.operations.ask(operation).await;
        let frame = wire::encode_operation(&result).map_err(|_| ResetCode::Aborted)?;
        answers.send(frame).await.map_err(|_| ResetCode::Aborted)
    }
}
