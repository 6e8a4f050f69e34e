//! What can be asked of the metadata, and the answers.

use std::borrow::Cow;
use std::collections::BTreeSet;

use thiserror::Error;

use crate::{Epoch, NodeAddress, NodeId, Reason, Stage, StreamPermits, TableId, TabletId, TransitionKind};

/// The replicas of one tablet of a new table.
pub type ReplicaSpec = BTreeSet<NodeId>;

/// One change. Each is accepted or refused by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// A node becomes a member. Refused for a number that was ever used.
    AddNode {
        /// The new member.
        node: NodeId,
    },
    /// An operator's word, for ever, that a node is stopped.
    Exclude {
        /// Who.
        node: NodeId,
        /// Also where this takes a tablet's quorum, and with it acknowledged writes.
        give_up_quorum: bool,
    },
    /// A new table whose ring is cut into as many tablets as there are replica sets.
    CreateTable {
        /// Its name, for people; no two tables have the same.
        name: String,
        /// Each tablet's replicas.
        replicas: Vec<ReplicaSpec>,
    },
    /// A table goes, with its tablets, their transitions and sessions.
    DropTable {
        /// Which.
        table: TableId,
    },
    /// A transition begins: `leaving` is replaced by `pending`, or, for a purge, neither is named.
    Begin {
        /// Of which tablet.
        tablet: TabletId,
        /// The tablet's epoch as the proposer knows it.
        expected: Epoch,
        /// What for.
        kind: TransitionKind,
        /// The replica that goes.
        leaving: Option<NodeId>,
        /// The node that comes.
        pending: Option<NodeId>,
        /// For a purge, the timestamp up to which tombstones go; else zero.
        purge_floor: u64,
        /// On whose behalf: an operator's, or one of the balancer's reasons.
        reason: Reason,
    },
    /// A transition goes to a stage that an edge leads to; `None` ends it.
    Advance {
        /// Of which tablet.
        tablet: TabletId,
        /// The tablet's epoch as the proposer knows it.
        expected: Epoch,
        /// The stage to enter; `None` removes the transition, from the stages that end one.
        to: Option<Stage>,
    },
    /// A transition goes back by an operator's wish.
    Cancel {
        /// Of which tablet.
        tablet: TabletId,
        /// The epoch at which the transition began: names it.
        begun: Epoch,
    },
    /// A rebuild may go on with fewer sources than its quorums need: gives up acknowledged writes.
    AllowFewerSources {
        /// Of which tablet.
        tablet: TabletId,
        /// The tablet's epoch as the proposer knows it.
        expected: Epoch,
    },
    /// Whether the balancer may start moves. Off refuses what it proposes from this change on, also what it planned
    /// before; an operator's moves and those that run go on.
    SetBalancing {
        /// On or off.
        on: bool,
    },
    /// Says which rack a member stands in, or that nobody knows.
    SetRack {
        /// Who.
        node: NodeId,
        /// The rack's name, for people; not empty.
        rack: Option<String>,
    },
    /// Says where a member is to be found, instead of what was said before.
    SetAddress {
        /// Who.
        node: NodeId,
        /// Where; neither part is empty.
        address: NodeAddress,
    },
    /// A member is to be emptied: the balancer moves its replicas away and puts none there.
    Drain {
        /// Who.
        node: NodeId,
    },
    /// A member is to be emptied no more. What has moved away stays where it is.
    Resume {
        /// Who.
        node: NodeId,
    },
    /// How many streams each node may send and receive at once.
    SetPermits {
        /// Both numbers.
        permits: StreamPermits,
    },
}

/// What an accepted change has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// Done.
    Done,
    /// A table was made.
    Table(TableId),
    /// The tablet's epoch is now this one.
    Epoch(Epoch),
}

/// Why a change was refused; it changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refused {
    /// The tablet's epoch is another: look at the metadata anew, the change may be moot.
    #[error("the tablet's epoch is {actual}, not the expected one")]
    Epoch {
        /// The tablet's epoch.
        actual: Epoch,
    },
    /// No such tablet, or none any more.
    #[error("there is no tablet {0}")]
    NoTablet(TabletId),
    /// No such table, or none any more.
    #[error("there is no table {0}")]
    NoTable(TableId),
    /// No such node, or it is excluded.
    #[error("node {0} is no live member")]
    NoNode(NodeId),
    /// The number is or was in use.
    #[error("node {0} is or was a member")]
    NodeExists(NodeId),
    /// A table has that name: take another, or drop that table first.
    #[error("table {0} has that name")]
    TableExists(TableId),
    /// The tablet has a transition: wait for it, or cancel it.
    #[error("tablet {0} is in transition")]
    InTransition(TabletId),
    /// The tablet has no transition, or not that one.
    #[error("tablet {0} is not in that transition")]
    NoTransition(TabletId),
    /// No edge leads there from the stage it is at.
    #[error("no edge leads there from stage {from}")]
    NoEdge {
        /// The stage it is at.
        from: Stage,
    },
    /// Too late for a cancel: from here there is only forward.
    #[error("stage {stage} cannot be cancelled")]
    TooLate {
        /// The stage it is at.
        stage: Stage,
    },
    /// The replica sets do not make sense; says how.
    #[error("{0}")]
    Invalid(Cow<'static, str>),
    /// The balancer may start no moves: it was switched off.
    #[error("balancing is off")]
    BalancingOff,
    /// An exclusion would take this tablet's quorum.
    #[error("tablet {0} would lose its quorum")]
    Quorum(TabletId),
}

impl Refused {
    pub(crate) const fn invalid(why: &'static str) -> Self {
        Self::Invalid(Cow::Borrowed(why))
    }
}

/// The answer to one change.
pub type Outcome = Result<Accepted, Refused>;
