//! The coordinator's port, over a transport.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_coordinator::{
    BarrierAnswer, BarrierRequest, CallError, Operation, OperationError, Participants,
};
use tidegate_tablets::NodeId;
use tidegate_transport::rpc::{self, RpcError};
use tidegate_transport::{PeerId, ResetCode, StreamError, Transport, TransportError};
use tokio::sync::mpsc;

use crate::CONTROL_SERVICE;
use crate::wire::{self, NotAFrame, Request};

/// How much longer than the node the caller waits, so that the node's own answer, which says who holds it up, comes
/// before the caller gives up.
const GRACE: Duration = Duration::from_secs(2);

/// Calls nodes over a transport.
#[derive(Debug)]
pub struct ReplicaClient {
    transport: Arc<dyn Transport>,
}

impl ReplicaClient {
    /// Calls nodes over this transport; among them its own.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport }
    }
}

#[async_trait]
impl Participants for ReplicaClient {
    async fn barrier(
        &self,
        node: NodeId,
        request: BarrierRequest,
        answers: mpsc::Sender<BarrierAnswer>,
    ) -> Result<(), CallError> {
        let deadline = request.deadline.saturating_add(GRACE);
        let frame = wire::encode_request(&Request::Barrier(request)).map_err(|error| broken(node, &error))?;
        let peer = PeerId::new(node.as_u64());
        let call = rpc::call(&*self.transport, peer, CONTROL_SERVICE, frame, deadline).await;
        let mut reply = call.map_err(|error| call_error(node, error))?;
        while let Some(frame) = reply.next().await.map_err(|error| call_error(node, error))? {
            for reply in wire::decode_barrier(&frame).map_err(|error| broken(node, &error))? {
                let answer = BarrierAnswer {
                    tablet: reply.tablet,
                    epoch: reply.epoch,
                    result: reply.result,
                };
                if answers.send(answer).await.is_err() {
                    // Nobody listens any more; the call is dropped, and the node stops waiting.
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    async fn operate(
        &self,
        node: NodeId,
        operation: Operation,
    ) -> Result<Result<(), OperationError>, CallError> {
        let deadline = operation.deadline.saturating_add(GRACE);
        let frame =
            wire::encode_request(&Request::Operate(operation)).map_err(|error| broken(node, &error))?;
        let peer = PeerId::new(node.as_u64());
        let answer = rpc::call_one(&*self.transport, peer, CONTROL_SERVICE, frame, deadline).await;
        let frame = answer.map_err(|error| call_error(node, error))?;
        wire::decode_operation(&frame).map_err(|error| broken(node, &error))
    }
}

fn broken(node: NodeId, error: &NotAFrame) -> CallError {
    CallError::Refused {
        node,
        reason: error.to_string(),
    }
}

fn call_error(node: NodeId, error: RpcError) -> CallError {
    match error {
        RpcError::TimedOut { waited } => CallError::TimedOut { node, waited },
        RpcError::Transport(TransportError::Refused { reason, .. }) => CallError::Refused { node, reason },
        RpcError::Stream(StreamError::Reset(ResetCode::Refused)) => CallError::Refused {
            node,
            reason: "not accepted as a member".to_owned(),
        },
        other => CallError::Unreachable {
            node,
            reason: other.to_string(),
        },
    }
}
