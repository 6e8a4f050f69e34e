//! What the balancer plans, in words that an operator can read.

use std::fmt;

use tidegate_tablets::{Change, Epoch, NodeId, Reason, TabletId, TransitionKind};

/// What to move, in order of urgency, and what should move but cannot now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BalancePlan {
    /// What to begin now. All of it together, with what runs, keeps within the limits.
    pub moves: Vec<PlannedMove>,
    /// What should leave its node but cannot now; the first of them, see
    /// [`waiting_shown`](super::BalanceRules::waiting_shown).
    pub waiting: Vec<WaitingMove>,
    /// How many those are in all.
    pub waiting_total: usize,
}

/// A replica that is to move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedMove {
    /// Of which tablet.
    pub tablet: TabletId,
    /// The tablet's epoch at which it was planned.
    pub expected: Epoch,
    /// The replica that goes.
    pub from: NodeId,
    /// The node that comes.
    pub to: NodeId,
    /// How urgent it is.
    pub reason: Reason,
    /// Why it is good.
    pub why: WhyMove,
}

/// Why a move is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhyMove {
    /// The node that held the replica is excluded.
    Excluded {
        /// The rack that then holds two replicas, because no node in another one can take it.
        shares: Option<String>,
    },
    /// The node that holds the replica drains.
    Draining {
        /// The rack that then holds two replicas, because no node in another one can take it.
        shares: Option<String>,
    },
    /// Another replica stands in the same rack, and there is a node in a rack that has none.
    SharedRack {
        /// Which rack.
        rack: String,
    },
    /// One node holds more than the other.
    Uneven {
        /// What the node that gives holds, as planned so far.
        from: NodeLoad,
        /// What the node that gets holds, as planned so far.
        to: NodeLoad,
    },
}

/// What a node holds once the transitions that run have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NodeLoad {
    /// Replicas.
    pub tablets: usize,
    /// Bytes, as far as they are reported.
    pub bytes: u128,
}

/// A replica that should leave its node but cannot now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingMove {
    /// Of which tablet.
    pub tablet: TabletId,
    /// The replica that should go.
    pub from: NodeId,
    /// How urgent it is.
    pub reason: Reason,
    /// What it waits for.
    pub why: WhyWait,
}

/// What a move waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyWait {
    /// For others: as many run as may, on its nodes or in the cluster.
    Permits,
    /// For a node: every member that is neither excluded nor draining holds a replica already.
    NoNode,
    /// For a while: moves to all nodes that could take it went back.
    Resting,
    /// For an operator: too few sources of a rebuild are alive. A rebuild begun by hand can be told to go on with
    /// fewer, which gives up acknowledged writes.
    FewSources {
        /// Replicas that are not excluded.
        live: usize,
        /// Replicas it takes.
        needed: usize,
    },
}

impl PlannedMove {
    /// The change that begins it.
    #[must_use]
    pub const fn change(&self) -> Change {
        let kind = match self.reason {
            Reason::Rebuild => TransitionKind::Rebuild,
            _ => TransitionKind::Migration,
        };
        Change::Begin {
            tablet: self.tablet,
            expected: self.expected,
            kind,
            leaving: Some(self.from),
            pending: Some(self.to),
            purge_floor: 0,
            reason: self.reason,
        }
    }
}

impl fmt::Display for PlannedMove {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            tablet,
            from,
            to,
            reason,
            why,
            ..
        } = self;
        write!(
            f,
            "tablet {tablet} from node {from} to node {to} ({reason}): {why}"
        )
    }
}

impl fmt::Display for WhyMove {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shares = match self {
            Self::Excluded { shares } => {
                f.write_str("the node is excluded")?;
                shares
            }
            Self::Draining { shares } => {
                f.write_str("the node drains")?;
                shares
            }
            Self::SharedRack { rack } => {
                return write!(
                    f,
                    "rack {rack} holds another replica, and a rack without one has room"
                );
            }
            Self::Uneven { from, to } => return write!(f, "it holds {from}, the other {to}"),
        };
        match shares {
            Some(rack) => write!(f, "; rack {rack} will hold two replicas, no other has room"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for NodeLoad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        let plural = if self.tablets == 1 { "" } else { "s" };
        write!(f, "{} tablet{plural} with ", self.tablets)?;
        let (mut unit, mut size) = ("B", self.bytes);
        let mut tenths = 0;
        for next in UNITS {
            if size < 1024 {
                break;
            }
            tenths = size % 1024 * 10 / 1024;
            (unit, size) = (next, size / 1024);
        }
        if unit == "B" {
            write!(f, "{size} B")
        } else {
            write!(f, "{size}.{tenths} {unit}")
        }
    }
}

impl fmt::Display for WaitingMove {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            tablet,
            from,
            reason,
            why,
        } = self;
        write!(
            f,
            "tablet {tablet} has to leave node {from} ({reason}) and waits: {why}"
        )
    }
}

impl fmt::Display for WhyWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Permits => f.write_str("as many moves run as may"),
            Self::NoNode => {
                f.write_str("every node that stays holds a replica already, or none stays: add a node")
            }
            Self::Resting => {
                f.write_str("moves to every node in a rack without a replica of it went back a short while ago: bring those nodes back, or \
                 exclude them")
            }
            Self::FewSources { live, needed } => write!(
                f,
                "{live} sources live and a rebuild takes {needed}: bring a node back, or begin it by hand and give \
                 up acknowledged writes"
            ),
        }
    }
}
