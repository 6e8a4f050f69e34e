//! What a model holds, and how often each fault may happen in it.

use tidegate_tablets::{NodeId, TabletId};

/// The one tablet there is.
pub(super) const TABLET: TabletId = TabletId::new(0);

/// The timestamp of the deletion, and the floor of the purge that drops it.
pub(super) const DELETED_AT: u64 = 2;

/// The node that a move takes the tablet from, and the one it brings it to; a second move brings it back.
pub(super) const HOME: NodeId = NodeId::new(1);
/// See [`HOME`].
pub(super) const AWAY: NodeId = NodeId::new(2);

/// How often each thing may still happen. Everything that could happen again and again has a budget here, so that no
/// path of the model is endless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Budget {
    /// Moves that an operator asks for.
    pub(super) moves: u8,
    /// Purges that an operator asks for.
    pub(super) purges: u8,
    /// Cancels.
    pub(super) cancels: u8,
    /// Nodes that are excluded.
    pub(super) exclusions: u8,
    /// Crashes of a node, with a restart at once.
    pub(super) restarts: u8,
    /// Coordinators that are replaced.
    pub(super) fail_overs: u8,
    /// Calls, or their answers, that are lost.
    pub(super) losses: u8,
    /// Calls that come after their asker has given up on them.
    pub(super) delays: u8,
    /// Calls that come twice.
    pub(super) duplicates: u8,
    /// Barriers that reach their deadline.
    pub(super) deadlines: u8,
}

/// What a model holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope {
    /// Its name, in reports.
    pub(super) name: &'static str,
    /// The nodes that may hold the tablet, in order. One more runs the coordinator.
    pub(super) nodes: &'static [u64],
    /// The tablet's replicas at the beginning; `HOME` is one, `AWAY` none.
    pub(super) replicas: &'static [u64],
    /// What may happen.
    pub(super) budget: Budget,
    /// How many versions older than before a node's metadata may be after a restart.
    pub(super) forgotten: u64,
    /// Whether a client deletes the row.
    pub(super) deletes: bool,
    /// Whether a copy of the row's first write is still on its way.
    pub(super) straggler: bool,
}

impl Scope {
    /// The scope without any fault, for others to start from.
    pub(super) const QUIET: Self = Self {
        name: "quiet",
        nodes: &[1, 2],
        replicas: &[1],
        budget: Budget {
            moves: 2,
            purges: 0,
            cancels: 0,
            exclusions: 0,
            restarts: 0,
            fail_overs: 0,
            losses: 0,
            delays: 0,
            duplicates: 0,
            deadlines: 0,
        },
        forgotten: 1,
        deletes: false,
        straggler: false,
    };
}
