//! Nodes that do what a script says, and remember what they were asked.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use async_trait::async_trait;
use tidegate_coordinator::{
    BarrierAnswer, BarrierError, BarrierRequest, CallError, Operation, OperationError, OperationKind,
    Participants,
};
use tidegate_tablets::NodeId;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// What a node is asked for one tablet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ask {
    Barrier {
        node: u64,
        tablet: u64,
    },
    Operation {
        node: u64,
        tablet: u64,
        kind: OperationKind,
    },
}

pub(crate) const fn barrier(node: u64, tablet: u64) -> Ask {
    Ask::Barrier { node, tablet }
}

pub(crate) const fn operation(kind: OperationKind, node: u64, tablet: u64) -> Ask {
    Ask::Operation { node, tablet, kind }
}

/// What a script has a node say. Without one it says that it is done.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    NotDone(BarrierError),
    Failed(OperationError),
    /// Says nothing, whatever the deadline.
    Silent,
    Panic,
}

/// What was asked, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    Barrier {
        node: u64,
        tablets: Vec<u64>,
        epochs: Vec<u64>,
        min_version: u64,
    },
    Operation {
        ask: Ask,
        session: u128,
        written: u64,
        min_version: u64,
    },
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) asked: Vec<Asked>,
    script: BTreeMap<Ask, VecDeque<Reply>>,
    /// Answered only when let go, but for the first so many.
    held: BTreeMap<Ask, usize>,
    down: BTreeSet<u64>,
    /// Operations that run, by node, and the most there were.
    running: BTreeMap<u64, usize>,
    pub(crate) running_max: usize,
}

impl State {
    /// How often something was asked.
    pub(crate) fn times(&self, ask: Ask) -> usize {
        let is = |asked: &&Asked| match (asked, ask) {
            (Asked::Barrier { node, tablets, .. }, Ask::Barrier { node: of, tablet }) => {
                *node == of && tablets.contains(&tablet)
            }
            (Asked::Operation { ask: other, .. }, ask) => *other == ask,
            _ => false,
        };
        self.asked.iter().filter(is).count()
    }

    /// The sessions under which an operation was asked for.
    pub(crate) fn sessions(&self, ask: Ask) -> BTreeSet<u128> {
        let session = |asked: &Asked| match asked {
            Asked::Operation {
                ask: other, session, ..
            } if *other == ask => Some(*session),
            _ => None,
        };
        self.asked.iter().filter_map(session).collect()
    }

    /// Everyone who was asked anything.
    pub(crate) fn everyone(&self) -> BTreeSet<u64> {
        let node = |asked: &Asked| match asked {
            Asked::Barrier { node, .. } => *node,
            Asked::Operation {
                ask: Ask::Operation { node, .. } | Ask::Barrier { node, .. },
                ..
            } => *node,
        };
        self.asked.iter().map(node).collect()
    }
}

/// The nodes of a test.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    state: watch::Sender<State>,
}

impl Nodes {
    pub(crate) fn script(&self, ask: Ask, replies: impl IntoIterator<Item = Reply>) {
        self.state
            .send_modify(|state| state.script.entry(ask).or_default().extend(replies));
    }

    pub(crate) fn hold(&self, ask: Ask) {
        self.hold_after(ask, 0);
    }

    /// Holds an ask back, but for the first so many.
    pub(crate) fn hold_after(&self, ask: Ask, free: usize) {
        self.state.send_modify(|state| {
            state.held.insert(ask, free);
        });
    }

    pub(crate) fn let_go(&self, ask: Ask) {
        self.state.send_modify(|state| {
            state.held.remove(&ask);
        });
    }

    pub(crate) fn set_down(&self, node: u64, down: bool) {
        self.state.send_modify(|state| {
            if down {
                state.down.insert(node)
            } else {
                state.down.remove(&node)
            };
        });
    }

    pub(crate) fn see<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.borrow())
    }

    /// Waits until it is so.
    pub(crate) async fn until(&self, is_so: impl FnMut(&State) -> bool) {
        self.state
            .subscribe()
            .wait_for(is_so)
            .await
            .expect("the nodes live");
    }

    fn take_down(&self, node: NodeId) -> Result<(), CallError> {
        let down = self.state.borrow().down.contains(&node.as_u64());
        if down {
            Err(CallError::Unreachable {
                node,
                reason: "down".to_owned(),
            })
        } else {
            Ok(())
        }
    }

    fn next_reply(&self, ask: Ask) -> Option<Reply> {
        let mut reply = None;
        self.state.send_if_modified(|state| {
            reply = state.script.get_mut(&ask).and_then(VecDeque::pop_front);
            reply.is_some()
        });
        reply
    }
}

/// Waits until an ask, of its kind the `time`-th, is not held back.
async fn not_held(mut state: watch::Receiver<State>, ask: Ask, time: usize) {
    let free = |state: &State| state.held.get(&ask).is_none_or(|free| time <= *free);
    state.wait_for(free).await.expect("the nodes live");
}

/// Counts an operation for as long as it runs.
struct Running<'a>(&'a Nodes, u64);

impl<'a> Running<'a> {
    fn new(nodes: &'a Nodes, node: u64) -> Self {
        nodes.state.send_modify(|state| {
            let running = state.running.entry(node).or_default();
            *running += 1;
            state.running_max = state.running_max.max(*running);
        });
        Self(nodes, node)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0
            .state
            .send_modify(|state| *state.running.entry(self.1).or_default() -= 1);
    }
}

#[async_trait]
impl Participants for Nodes {
    async fn barrier(
        &self,
        node: NodeId,
        request: BarrierRequest,
        answers: mpsc::Sender<BarrierAnswer>,
    ) -> Result<(), CallError> {
        self.state.send_modify(|state| {
            state.asked.push(Asked::Barrier {
                node: node.as_u64(),
                tablets: request
                    .tablets
                    .iter()
                    .map(|(tablet, _)| tablet.as_u64())
                    .collect(),
                epochs: request.tablets.iter().map(|(_, epoch)| epoch.as_u64()).collect(),
                min_version: request.min_version.as_u64(),
            });
        });
        self.take_down(node)?;
        let mut tablets = JoinSet::new();
        for (tablet, epoch) in request.tablets {
            let ask = barrier(node.as_u64(), tablet.as_u64());
            let result = match self.next_reply(ask) {
                None => Ok(()),
                Some(Reply::NotDone(error)) => Err(error),
                Some(Reply::Panic) => panic!("as the script says"),
                Some(_) => {
                    tablets.spawn(std::future::pending());
                    continue;
                }
            };
            let (answers, state) = (answers.clone(), self.state.subscribe());
            let time = self.see(|state| state.times(ask));
            tablets.spawn(async move {
                not_held(state, ask, time).await;
                answers
                    .send(BarrierAnswer {
                        tablet,
                        epoch,
                        result,
                    })
                    .await
                    .ok();
            });
        }
        tablets.join_all().await;
        Ok(())
    }

    async fn operate(
        &self,
        node: NodeId,
        operation: Operation,
    ) -> Result<Result<(), OperationError>, CallError> {
        let ask = super::nodes::operation(operation.kind, node.as_u64(), operation.tablet.as_u64());
        self.state.send_modify(|state| {
            state.asked.push(Asked::Operation {
                ask,
                session: operation.frozen.session.as_u128(),
                written: operation.frozen.epoch,
                min_version: operation.min_version.as_u64(),
            });
        });
        self.take_down(node)?;
        let _running = Running::new(self, node.as_u64());
        let time = self.see(|state| state.times(ask));
        match self.next_reply(ask) {
            None => not_held(self.state.subscribe(), ask, time).await,
            Some(Reply::Failed(error)) => return Ok(Err(error)),
            Some(Reply::Panic) => panic!("as the script says"),
            Some(_) => std::future::pending().await,
        }
        Ok(Ok(()))
    }
}
