//! Asks the leader, whoever that is, until there is an answer.

use std::time::Duration;

use tidegate_tablets::NodeId;
use tidegate_transport::{PeerId, ResetCode, StreamError};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::codec::message::{Reply, Request};
use crate::disk_id::DiskId;
use crate::node::Node;
use crate::wire::{self, CallError, WireError};

/// What was asked was not answered in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unanswered {
    /// It may have been done.
    pub(crate) maybe: bool,
    /// What came of the last attempt.
    pub(crate) why: String,
}

/// What an attempt has come to.
enum Attempt {
    /// An answer.
    Answered(Reply),
    /// None yet; try again, at that node if it is known.
    Again {
        maybe: bool,
        why: String,
        leader: Option<NodeId>,
    },
}

impl Node {
    /// Asks the leader, again and again until the deadline; without one until it is dropped. What is asked must bear
    /// a repeat.
    pub(crate) async fn ask(
        &self,
        request: &Request,
        deadline: Option<Instant>,
    ) -> Result<Reply, Unanswered> {
        let mut hint = None;
        let mut pause = self.config.retry_min;
        let mut maybe_done = false;
        for attempt in 0_usize.. {
            let one = self.attempt(hint, attempt, request);
            let attempted = match deadline {
                Some(deadline) => timeout_at(deadline, one).await,
                None => Ok(one.await),
            };
            let why = match attempted {
                // Of this attempt: one before may have done it all the same.
                Ok(Attempt::Answered(Reply::Refused { reason })) if maybe_done => {
                    return Err(Unanswered {
                        maybe: true,
                        why: reason,
                    });
                }
                Ok(Attempt::Answered(reply)) => return Ok(reply),
                Ok(Attempt::Again { maybe, why, leader }) => {
                    maybe_done |= maybe;
                    hint = leader;
                    why
                }
                Err(_) => {
                    maybe_done = true;
                    "no answer in time".to_owned()
                }
            };
            let next = Instant::now() + pause;
            if deadline.is_some_and(|deadline| deadline <= next) {
                let maybe = maybe_done;
                return Err(Unanswered { maybe, why });
            }
            sleep_until(next).await;
            pause = doubled(pause, self.config.retry_max);
        }
        // The attempts do not run out.
        let why = String::new();
        Err(Unanswered { maybe: true, why })
    }

    async fn attempt(&self, hint: Option<NodeId>, attempt: usize, request: &Request) -> Attempt {
        let Some(leader) = hint.or_else(|| self.leader()).or_else(|| self.any_voter(attempt)) else {
            return Attempt::Again {
                maybe: false,
                why: "no leader is known".to_owned(),
                leader: None,
            };
        };
        // Who asks another node, or waits for itself, need not wait for one that does not lead any more: the new leader
        // is asked the same.
        let deposed = async {
            self.other_leader(leader).await;
            Attempt::Again {
                maybe: true,
                why: format!("node {leader} does not lead any more"),
                leader: None,
            }
        };
        tokio::select! {
            biased;
            attempt = self.attempt_at(leader, request) => attempt,
            attempt = deposed => attempt,
        }
    }

    async fn attempt_at(&self, leader: NodeId, request: &Request) -> Attempt {
        if leader == self.id {
            return judge(leader, self.lead(request.clone()).await);
        }
        let called = wire::call(
            &*self.transport,
            PeerId::new(leader.as_u64()),
            request,
            self.patience(request),
        )
        .await;
        let (maybe, error) = match called {
            Ok(reply) => return judge(leader, reply),
            Err(CallError::Codec(error)) => {
                let reason = error.to_string();
                return Attempt::Answered(Reply::Refused { reason });
            }
            Err(error) if not_begun(&error) => (false, error),
            Err(error) => (true, error),
        };
        Attempt::Again {
            maybe,
            why: format!("node {leader}: {error}"),
            leader: None,
        }
    }

    /// Which disk that node has, and whether its log is empty.
    pub(crate) async fn disk_of(&self, node: NodeId) -> Result<(DiskId, bool), CallError> {
        let reply = if node == self.id {
            self.own_disk().await
        } else {
            let (peer, deadline) = (PeerId::new(node.as_u64()), self.config.call_deadline);
            wire::call(&*self.transport, peer, &Request::Disk, deadline).await?
        };
        match reply {
            Reply::Disk { disk, is_new } => Ok((disk, is_new)),
            _ => Err(CallError::Cut(WireError::Protocol)),
        }
    }

    /// How long one call may take.
    fn patience(&self, request: &Request) -> Duration {
        match request {
            // The leader answers by then, and says why not.
            Request::Propose { deadline, .. } | Request::Change { deadline, .. } => {
                deadline.saturating_add(self.config.call_deadline)
            }
            _ => self.config.call_deadline,
        }
    }

    /// Some other node with a vote, each in its turn: it may know who leads.
    fn any_voter(&self, attempt: usize) -> Option<NodeId> {
        let voters = self.metrics().membership_config.voter_ids().collect::<Vec<_>>();
        let others: Vec<u64> = voters
            .into_iter()
            .filter(|voter| *voter != self.id.as_u64())
            .collect();
        let chosen = others.get(attempt.checked_rem(others.len())?)?;
        Some(NodeId::new(*chosen))
    }
}

fn judge(asked: NodeId, reply: Reply) -> Attempt {
    match reply {
        Reply::NotLeader { leader } => Attempt::Again {
            maybe: false,
            why: format!("node {asked} does not lead"),
            leader: leader.filter(|leader| *leader != asked),
        },
        Reply::NotDone { reason } => Attempt::Again {
            maybe: false,
            why: reason,
            leader: None,
        },
        Reply::Unknown { reason } => Attempt::Again {
            maybe: true,
            why: reason,
            leader: None,
        },
        reply => Attempt::Answered(reply),
    }
}

/// Whether nothing can have come of it: it was not sent, or the node would not listen.
const fn not_begun(error: &CallError) -> bool {
    matches!(
        error,
        CallError::NotMade(_) | CallError::Cut(WireError::Stream(StreamError::Reset(ResetCode::Refused)))
    )
}

fn doubled(pause: Duration, max: Duration) -> Duration {
    pause.saturating_mul(2).min(max)
}
