//! The control service: barriers and operations, asked for by a peer.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tidegate_coordinator::{BarrierRequest, Operation};
use tidegate_tablets::NodeId;
use tidegate_transport::rpc::{Answers, Handler};
use tidegate_transport::{PeerId, ResetCode};
use tokio::time::Instant;
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
        let until = Instant::now() + deadline;
        let map = match self.barrier.map(request.min_version, deadline).await {
            Ok(map) => map,
            Err(error) => {
                let replies = request.tablets.into_iter().map(|(tablet, epoch)| BarrierReply {
                    tablet,
                    epoch,
                    result: Err(error.clone()),
                });
                return send(replies.collect(), answers).await;
            }
        };
        let closing = self.barrier.closing();
        // Each tablet on its own: what is done at once is answered at once and together, and a slow one holds up no
        // other. Dropped with the caller, which undoes nothing.
        let mut done = Vec::with_capacity(request.tablets.len());
        let mut running = FuturesUnordered::new();
        for (tablet, epoch) in request.tablets {
            // Whoever names a tablet twice waits twice: what one answer waits for is not taken from the other.
            let closing = closing.get(&tablet).map_or(&[][..], Vec::as_slice);
            match self.barrier.at_once(&map, tablet, epoch, closing) {
                Some(result) => done.push(BarrierReply {
                    tablet,
                    epoch,
                    result,
                }),
                None => {
                    let closing = closing.to_vec();
                    running.push(async move {
                        let result = self.barrier.run(tablet, epoch, closing, until).await;
                        BarrierReply {
                            tablet,
                            epoch,
                            result,
                        }
                    });
                }
            }
        }
        drop(map);
        #[cfg(tidegate_mutants)]
        if tidegate_mutants::on("one-answer-for-a-batch") {
            while let Some(reply) = running.next().await {
                done.push(reply);
            }
        }
        send(done, answers).await?;
        while let Some(reply) = running.next().await {
            let mut done = vec![reply];
            while let Some(Some(reply)) = running.next().now_or_never() {
                done.push(reply);
            }
            send(done, answers).await?;
        }
        Ok(())
    }

    async fn operate(&self, operation: Operation, answers: &mut Answers) -> Result<(), ResetCode> {
        let result = self.operations.ask(operation).await;
        let frame = wire::encode_operation(&result).map_err(|_| ResetCode::Aborted)?;
        answers.send(frame).await.map_err(|_| ResetCode::Aborted)
    }
}

async fn send(replies: Vec<BarrierReply>, answers: &mut Answers) -> Result<(), ResetCode> {
    for frame in wire::encode_barrier(&replies).map_err(|_| ResetCode::Aborted)? {
        answers.send(frame).await.map_err(|_| ResetCode::Aborted)?;
    }
    Ok(())
}
