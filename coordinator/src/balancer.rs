//! Which tablets move where by themselves: a pure function of topology and load, and the rounds that run it.
//!
//! [`balance`] looks at the cluster as it will be once the transitions that run have ended, and plans in this order:
//!
//! 1. *Rebuild*: a replica that an excluded node held is made anew elsewhere, where enough sources live.
//! 2. *Drain*: a replica on a draining node moves away.
//! 3. *Balance*: of two replicas in one rack, one moves to a rack that has none; then the busiest nodes give to the
//!    idlest.
//!
//! # Racks
//!
//! A node whose rack nobody named is a rack by itself. Balancing never lowers the number of racks that a tablet's
//! replicas stand in. Rebuild and drain take a node in a rack that has no replica of the tablet; only where there is
//! no such node do two replicas share one. Where such a node rests for the tablet, a drain waits and a rebuild does
//! not. Nodes that are excluded or drain do not count: they will be gone.
//!
//! # Weight
//!
//! A replica weighs, in bytes, what is reported of its tablet, its rows times
//! [`row_bytes`](BalanceRules::row_bytes), and a share for being a tablet at all: the mean of those sums over all
//! tablets, at least [`tablet_bytes_min`](BalanceRules::tablet_bytes_min). So bytes and numbers of tablets count
//! alike, and a nearly empty cluster is spread by number. A tablet of which nothing is reported weighs the mean. All
//! nodes are taken to be equal.
//!
//! A replica of weight `w` moves from node `a` to node `b` only if `a` outweighs `b` by more than `w` and a margin,
//! [`tolerance_permille`](BalanceRules::tolerance_permille) of the mean node. Each such move makes the sum of the
//! squares of all nodes' weights smaller, rack moves make the number of shared racks smaller, rebuilds and drains
//! the number of replicas that have to go; none of them makes an earlier one of these larger. So under a load that
//! stands still planning ends, whatever the order in which moves end; and a load that changes by less than the
//! margin does not bring a replica back.
//!
//! # Threshold
//!
//! Nothing is planned for balance where no node outweighs another by more than the margin and the lightest replica
//! that could go between them.
//!
//! # Where it comes from
//!
//! Moving from the fullest to the emptiest until a share of the mean is reached is what CockroachDB documents of its
//! allocator (`kv.allocator.range_rebalance_threshold`, 5 %), and what ScyllaDB documents of its tablet balancer
//! ("size based load balancing": a relative difference below which nothing moves; moves that run count as done; limits
//! for streams of each node as source and as target). TiKV's placement driver limits moves by store likewise (`store
//! limit`). That greedy choice ends is the usual argument by a sum of squares.

mod config;
mod draft;
mod leave;
mod load;
mod planned;
mod rack;
mod rests;
mod rounds;
mod spread;
mod status;
mod weight;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use tidegate_tablets::{Metadata, NodeId, Reason, TabletId};

use self::draft::Draft;

pub use self::config::{BalanceRules, BalancerConfig};
pub use self::load::{Load, LoadError, LoadReports, TabletLoad};
pub use self::planned::{BalancePlan, NodeLoad, PlannedMove, WaitingMove, WhyMove, WhyWait};
pub(crate) use self::rounds::Rounds;
pub use self::status::BalancerStatus;
pub(crate) use self::status::SharedStatus;

/// What [`balance`] looks at.
#[derive(Debug, Clone, Copy)]
pub struct BalanceInput<'a> {
    /// Tablets, members, racks, who drains and who is excluded, what runs, and whether balancing is on.
    pub metadata: &'a Metadata,
    /// What is reported of tablets. Without it nothing moves for its weight; everything else does.
    pub load: Option<&'a Load>,
    /// Tablets that are not to go to a node for now: a move there went back a short while ago.
    pub resting: &'a BTreeSet<(TabletId, NodeId)>,
    /// Streams that a node sends at once, where the metadata names no number.
    pub sends_per_node: usize,
    /// Streams that a node receives at once, where the metadata names no number.
    pub receives_per_node: usize,
}

/// What to move, in order of urgency, and what should move but cannot now. Empty while balancing is off.
///
/// Reads no clock and no randomness, and no map without order: the same input gives the same plan. What is planned,
/// together with what runs, keeps within the limits; what it leaves out is in a later plan. Costs about as much as
/// there are replicas, and for every move for balance as much as there are replicas on the node that gives.
#[must_use]
pub fn balance(input: &BalanceInput<'_>, rules: &BalanceRules) -> BalancePlan {
    if !input.metadata.balancing {
        return BalancePlan::default();
    }
    let mut draft = Draft::new(input, rules);
    leave::plan(&mut draft, Reason::Rebuild);
    draft.end_class();
    leave::plan(&mut draft, Reason::Drain);
    draft.end_class();
    spread::plan_racks(&mut draft);
    if input.load.is_some() {
        spread::plan_weights(&mut draft);
    }
    draft.into_plan()
}
