//! The calls of a request to replicas: bounded per node, and what becomes of those nobody waits for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use thiserror::Error;
use tidegate_tablets::NodeId;
use tidegate_transport::rpc::{self, RpcError};
use tidegate_transport::{PeerId, Transport};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, timeout_at};

use crate::service::KV_SERVICE;
use crate::wire::{Answer, Refusal, WireError};
use crate::{HybridClock, KvConfig};

/// Why a replica's answer does not count.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum CallError {
    #[error(transparent)]
    Rpc(#[from] RpcError),
    #[error("an answer that cannot be decoded: {0}")]
    Wire(#[from] WireError),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("an answer to another question")]
    Protocol,
    #[error("too many calls to the node are under way")]
    Busy,
}

/// What becomes of a call when enough others have answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Straggler {
    /// It goes on, within its deadline: a replica that is merely late gets the row, too.
    GoesOn,
    /// It ends.
    Ends,
}

/// The answers to one question, as they come; `None` after the last.
pub(crate) type Asked = mpsc::Receiver<(NodeId, Result<Answer, CallError>)>;

/// Makes the calls of one client.
#[derive(Debug)]
pub(crate) struct Calls {
    transport: Arc<dyn Transport>,
    clock: Arc<HybridClock>,
    per_node: usize,
    lanes: Mutex<BTreeMap<NodeId, Arc<Semaphore>>>,
}

impl Calls {
    pub(crate) fn new(transport: Arc<dyn Transport>, clock: Arc<HybridClock>, config: &KvConfig) -> Self {
        Self {
            transport,
            clock,
            per_node: config.calls_per_node.max(1),
            lanes: Mutex::default(),
        }
    }

    /// Asks every one of `nodes`; each call in a task of its own. A call that waits for its turn ends when nobody
    /// waits for its answer; one that was made becomes what `straggler` says.
    ///
    /// An answer of more than `entries_max` rows or timestamps, its parts together, does not count.
    pub(crate) fn ask(
        &self,
        nodes: impl IntoIterator<Item = NodeId>,
        (request, entries_max): (&Bytes, usize),
        straggler: Straggler,
        deadline: Instant,
    ) -> Asked {
        let nodes: Vec<NodeId> = nodes.into_iter().collect();
        let (answered, asked) = mpsc::channel(nodes.len().max(1));
        for node in nodes {
            let call = Call {
                transport: Arc::clone(&self.transport),
                clock: Arc::clone(&self.clock),
                lane: self.lane(node),
                node,
                request: request.clone(),
                entries_max,
                deadline,
            };
            let answered = answered.clone();
            tokio::spawn(async move { call.make(straggler, answered).await });
        }
        asked
    }

    fn lane(&self, node: NodeId) -> Arc<Semaphore> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(
            lanes
                .entry(node)
                .or_insert_with(|| Arc::new(Semaphore::new(self.per_node))),
        )
    }
}

struct Call {
    transport: Arc<dyn Transport>,
    clock: Arc<HybridClock>,
    lane: Arc<Semaphore>,
    node: NodeId,
    request: Bytes,
    entries_max: usize,
    deadline: Instant,
}

impl Call {
    async fn make(self, straggler: Straggler, answered: mpsc::Sender<(NodeId, Result<Answer, CallError>)>) {
        let turn = tokio::select! {
            biased;
            () = answered.closed() => return,
            turn = timeout_at(self.deadline, self.lane.acquire()) => turn,
        };
        // A semaphore that is never closed: the only failure is the deadline.
        let result = match turn {
            Ok(Ok(_turn)) if straggler == Straggler::GoesOn => self.answer().await,
            Ok(Ok(_turn)) => tokio::select! {
                biased;
                () = answered.closed() => return,
                result = self.answer() => result,
            },
            _ => Err(CallError::Busy),
        };
        // Room for every answer; an error says that nobody waits any more.
        let _ = answered.try_send((self.node, result));
    }

    /// The whole answer, its parts put together.
    async fn answer(&self) -> Result<Answer, CallError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let peer = PeerId::new(self.node.as_u64());
        let request = self.request.clone();
        let mut reply = rpc::call(&*self.transport, peer, KV_SERVICE, request, left).await?;
        let mut whole: Option<Answer> = None;
        let mut left = self.entries_max;
        while let Some(part) = reply.next().await? {
            let part = Answer::decode(&part, left)?;
            left = left.saturating_sub(part.entries());
            self.follow(&part);
            whole = Some(match (whole, part) {
                (_, Answer::Refused(refusal)) => return Err(refusal.into()),
                (None, part) => part,
                (Some(Answer::Rows { mut rows, .. }), Answer::Rows { clock, rows: more }) => {
                    rows.extend(more);
                    Answer::Rows { clock, rows }
                }
                _ => return Err(CallError::Protocol),
            });
        }
        whole.ok_or(CallError::Protocol)
    }

    /// The asking node's clock follows the replica's.
    fn follow(&self, answer: &Answer) {
        match answer {
            Answer::Rows { clock, .. } | Answer::Latest { clock, .. } | Answer::Written { clock } => {
                self.clock.observe(*clock);
            }
            Answer::Refused(_) => {}
        }
    }
}
