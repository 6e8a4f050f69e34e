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
    /// An answer of more than `entries_max` rows or timestamps, its parts together, or of more parts than that, does
    /// not count.
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
        let mut parts = 0;
        while let Some(part) = reply.next().await? {
            // A part has an entry, or is the only one for keys that have none: more parts would be empty without end.
            parts += 1;
            if parts > self.entries_max.max(1) {
                return Err(CallError::Protocol);
            }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use async_trait::async_trait;
    use tidegate_transport::ResetCode;
    use tidegate_transport::rpc::{Answers, Handler, RpcService};
    use tidegate_transport::service::{Router, RouterConfig};
    use tidegate_transport_mem::{MemConfig, MemNetwork};

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(60);

    /// Answers with parts that have no rows, as many as it is told.
    #[derive(Debug)]
    struct Empty {
        parts: usize,
    }

    #[async_trait]
    impl Handler for Empty {
        async fn handle(
            &self,
            _peer: PeerId,
            _request: Bytes,
            answers: &mut Answers,
        ) -> Result<(), ResetCode> {
            let rows = Vec::new();
            let part = Answer::Rows { clock: 1, rows }.encode().unwrap();
            for _ in 0..self.parts {
                answers.send(part.clone()).await?;
            }
            Ok(())
        }
    }

    /// What becomes of a question about `entries_max` keys that is answered with so many parts, none with a row.
    async fn asked(entries_max: usize, parts: usize) -> Result<Answer, CallError> {
        let network = MemNetwork::new(MemConfig::default());
        let near: Arc<dyn Transport> = network.join(PeerId::new(1)).unwrap();
        let far: Arc<dyn Transport> = network.join(PeerId::new(2)).unwrap();
        let service = Arc::new(RpcService::new(Empty { parts }));
        let router = Router::new(far, RouterConfig::default()).with(KV_SERVICE, service);
        let serving = tokio::spawn(async move { router.run().await });
        let clock = Arc::new(HybridClock::new(NodeId::new(1), 1, || 1_u64));
        let calls = Calls::new(near, clock, &KvConfig::default());
        let question = (&Bytes::from_static(b"?"), entries_max);
        let deadline = Instant::now() + DEADLINE;
        let mut asked = calls.ask([NodeId::new(2)], question, Straggler::Ends, deadline);
        let (_, answer) = asked.recv().await.unwrap();
        serving.abort();
        answer
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_has_no_more_parts_than_it_may_have_entries() {
        let begun = Instant::now();
        assert!(matches!(asked(2, 2).await, Ok(Answer::Rows { rows, .. }) if rows.is_empty()));
        assert_eq!(asked(2, 3).await, Err(CallError::Protocol));
        assert_eq!(asked(2, usize::MAX).await, Err(CallError::Protocol));
        assert!(
            matches!(asked(0, 1).await, Ok(Answer::Rows { .. })),
            "one is always taken"
        );
        assert!(begun.elapsed() < DEADLINE, "not given up for its deadline");
    }
}
