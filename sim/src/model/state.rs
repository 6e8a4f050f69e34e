//! What the whole cluster is at one moment.

use std::collections::BTreeSet;

use tidegate_coordinator::OperationKind;
use tidegate_guard::{FrozenGuard, SessionId};
use tidegate_replica::rules::Roles;
use tidegate_session::{SessionBook, SessionState};
use tidegate_tablets::{Epoch, FenceRule, NodeId, Stage, Version};

use super::map::{Log, Map};
use super::scope::{Budget, HOME, Scope};

/// What the whole cluster is at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) log: Log,
    pub(super) nodes: Vec<Node>,
    pub(super) coordinator: Coordinator,
    /// In order, so that the order in which they were made is forgotten.
    pub(super) calls: Vec<Call>,
    pub(super) requests: Vec<Request>,
    pub(super) client: Client,
    /// A change that a coordinator which was replaced has left on its way to the log.
    pub(super) left_change: Option<(Epoch, Option<Stage>)>,
    pub(super) budget: Budget,
    pub(super) truth: Truth,
}

/// What the properties remember, and nothing else looks at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Truth {
    /// The session that was cleared last, until a barrier that follows is counted.
    pub(super) limbo: Option<SessionId>,
    /// The nodes that have done the barrier of the tablet's epoch.
    pub(super) barriers: BTreeSet<NodeId>,
    /// The nodes that have done the operation of the session in the metadata.
    pub(super) operations: BTreeSet<NodeId>,
    /// What has been broken. Nothing happens after that.
    pub(super) broken: Option<&'static str>,
}

/// What a key holds, the later one last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Row {
    /// No row.
    Nothing,
    /// The row that was written first.
    Value,
    /// The deletion.
    Tombstone,
}

/// What was staged under a session.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Staged {
    pub(super) session: SessionId,
    pub(super) row: Row,
    pub(super) attached: bool,
}

/// One node that may hold the tablet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Node {
    pub(super) id: NodeId,
    /// False once it is excluded, and so stopped.
    pub(super) up: bool,
    /// The version of its copy of the metadata.
    pub(super) copy: Version,
    /// Whether it has published that copy.
    pub(super) published: bool,
    /// Where its first read barrier has ended, until it publishes.
    pub(super) barrier: Version,
    pub(super) roles: Roles,
    pub(super) book: SessionBook<()>,
    pub(super) fence: Option<FenceRule>,
    /// It removed what it held before the transition that began at this epoch.
    pub(super) wiped: Option<Epoch>,
    pub(super) operations: Vec<Running>,
    /// What is visible. Durable.
    pub(super) row: Row,
    /// Durable.
    pub(super) staged: Option<Staged>,
}

/// An operation that runs on a node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Running {
    pub(super) kind: OperationKind,
    /// The session under which it was asked for.
    pub(super) asked: SessionId,
    /// The session whose guard it holds, and sends along.
    pub(super) held: Frozen,
    pub(super) phase: Phase,
}

/// How far an operation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Phase {
    /// Asks a source.
    Opening(NodeId),
    /// A call into the engine has begun: stages this.
    Staging(Row),
    /// A call into the engine has begun: attaches what is staged.
    Attaching,
    /// A call into the engine has begun: removes everything.
    Removing,
    /// A call into the engine has begun: merges this.
    Filling(Row),
    /// A call into the engine has begun: drops tombstones.
    Purging,
}

/// A frozen guard that has an order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Frozen {
    pub(super) session: SessionId,
    pub(super) epoch: u64,
}

/// What a coordinator asks a node for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Ask {
    /// A barrier.
    Barrier(Epoch),
    /// An operation.
    Operation(OperationKind, Frozen),
}

/// A call on its way, at its node, or answered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Call {
    pub(super) node: NodeId,
    pub(super) ask: Ask,
    pub(super) min_version: Version,
    /// Whether the coordinator still waits for the answer.
    pub(super) awaited: bool,
    pub(super) at: At,
}

/// Where a call is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum At {
    /// On its way to the node.
    Sent,
    /// Its barrier waits for these sessions, and for older requests.
    Draining(Vec<SessionId>),
    /// Its operation runs.
    Joined,
    /// The answer is on its way.
    Answered(Answer),
}

/// An answer, as far as a coordinator tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Answer {
    Done,
    /// The tablet's epoch on the node is a later one.
    Superseded(Epoch),
    /// The node's epoch is older, although its version is not.
    Behind,
    /// Somebody holds the barrier.
    Held,
    NotYetOpen,
    Closing,
    Closed,
    Mismatch,
    /// The node has crashed meanwhile.
    Lost,
}

/// The coordinator.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Coordinator {
    /// The version of its copy of the metadata.
    pub(super) seen: Version,
    /// What it knows of each node's barrier and operation, in the order of the nodes.
    pub(super) barriers: Vec<Known>,
    pub(super) operations: Vec<Known>,
    /// What it would propose; derived.
    pub(super) proposes: Option<(Epoch, Option<Stage>)>,
}

/// What a coordinator knows of one thing that it asks of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Known {
    pub(super) running: bool,
    pub(super) done: bool,
    pub(super) failures: u8,
}

/// One replica's part of a client's write.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Request {
    pub(super) node: NodeId,
    pub(super) epoch: Epoch,
    pub(super) row: Row,
    pub(super) admitted: bool,
    /// Whether the client's attempt waits for it.
    pub(super) awaited: bool,
}

/// The client that deletes the row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Client {
    /// It will, or never will.
    Idle,
    /// It tries.
    Trying {
        /// The version by which it picked the replicas.
        epoch: Epoch,
        /// Who must hold it: a quorum of each.
        sets: Vec<BTreeSet<NodeId>>,
        /// Who does.
        holders: BTreeSet<NodeId>,
    },
    /// It was told that the row is deleted.
    Acknowledged,
    /// It was told that nobody knows.
    Unknown,
}

impl std::fmt::Debug for Frozen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A session's id ends in the epoch that wrote it; that it agrees is not taken for granted.
        write!(f, "{:x}@{}", self.session.as_u128() as u16, self.epoch)
    }
}

impl From<FrozenGuard> for Frozen {
    fn from(frozen: FrozenGuard) -> Self {
        Self {
            session: frozen.session,
            epoch: frozen.epoch,
        }
    }
}

impl From<Frozen> for FrozenGuard {
    fn from(frozen: Frozen) -> Self {
        Self {
            session: frozen.session,
            epoch: frozen.epoch,
        }
    }
}

impl Node {
    /// A node that has just started with that copy.
    pub(super) fn started(id: NodeId, copy: Version, barrier: Version, row: Row) -> Self {
        Self {
            id,
            up: true,
            copy,
            published: false,
            barrier,
            roles: Roles::new(id),
            // Nothing closed is remembered: nothing may depend on it.
            book: SessionBook::new(0),
            fence: None,
            wiped: None,
            operations: Vec::new(),
            row,
            staged: None,
        }
    }

    /// Whether somebody on this node holds a session.
    pub(super) fn holds(&self, session: SessionId) -> bool {
        self.operations
            .iter()
            .any(|running| running.held.session == session)
    }

    /// Whether the tablet is nothing to it, and it has nothing of the tablet: a crash changes nothing.
    pub(super) fn has_nothing(&self) -> bool {
        let sessions = self.book.open_ids().len() + self.book.closing_ids().len();
        self.roles.tablets().next().is_none()
            && sessions == 0
            && self.row == Row::Nothing
            && self.staged.is_none()
            && self.operations.is_empty()
    }

    /// Whether a holder of that session may go on: it is open, or closing and held.
    pub(super) fn covers(&self, session: SessionId) -> bool {
        matches!(
            self.book.state(session),
            Some(SessionState::Open | SessionState::Closing)
        )
    }
}

impl State {
    pub(super) fn first(scope: &Scope) -> Self {
        let map = Map::first(scope);
        let version = map.version();
        let nodes = scope.nodes.iter().map(|number| {
            let row = if scope.replicas.contains(number) {
                Row::Value
            } else {
                Row::Nothing
            };
            Node::started(NodeId::new(*number), version, version, row)
        });
        let nodes: Vec<Node> = nodes.collect();
        let known = vec![Known::default(); nodes.len()];
        let straggler = Request {
            node: HOME,
            epoch: map.tablet().epoch,
            row: Row::Value,
            admitted: false,
            awaited: false,
        };
        Self {
            coordinator: Coordinator {
                seen: version,
                barriers: known.clone(),
                operations: known,
                proposes: None,
            },
            log: Log::new(map),
            nodes,
            calls: Vec::new(),
            requests: scope.straggler.then_some(straggler).into_iter().collect(),
            client: Client::Idle,
            left_change: None,
            budget: scope.budget,
            truth: Truth {
                limbo: None,
                barriers: BTreeSet::new(),
                operations: BTreeSet::new(),
                broken: None,
            },
        }
    }

    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[self.place(id)]
    }

    pub(super) fn node_mut(&mut self, id: NodeId) -> &mut Node {
        let place = self.place(id);
        &mut self.nodes[place]
    }

    /// Nodes are numbered from one, without a gap.
    pub(super) fn place(&self, id: NodeId) -> usize {
        id.as_u64() as usize - 1
    }

    /// The map that a node has published.
    pub(super) fn map_of(&self, id: NodeId) -> Option<&Map> {
        let node = self.node(id);
        (node.up && node.published).then(|| self.log.at(node.copy))
    }

    pub(super) fn breaks(&mut self, what: &'static str) {
        self.truth.broken.get_or_insert(what);
    }
}
