//! All that the metadata store holds.

use std::collections::BTreeSet;

use rpds::{RedBlackTreeMapSync, RedBlackTreeSetSync};

use crate::{
    Epoch, NodeId, Selector, StreamPermits, TableId, TabletId, Token, TokenRange, Transition, Version,
};

/// All that the metadata store holds, at one version.
///
/// Cheap to clone: the maps share what did not change, so a published copy costs as much as the change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The position in the log.
    pub version: Version,
    /// Every node that ever was a member.
    pub nodes: RedBlackTreeMapSync<NodeId, NodeInfo>,
    /// The tables.
    pub tables: RedBlackTreeMapSync<TableId, Table>,
    /// The tablets of all tables.
    pub tablets: RedBlackTreeMapSync<TabletId, Tablet>,
    /// Whether the balancer may start moves.
    pub balancing: bool,
    /// How many streams each node may send and receive at once.
    pub permits: StreamPermits,
    /// The next table's number.
    pub next_table: u64,
    /// The next tablet's number.
    pub next_tablet: u64,
    /// The tablets that concern a node; derived, see [`index`](Self::index).
    pub(crate) holdings: RedBlackTreeMapSync<NodeId, RedBlackTreeSetSync<TabletId>>,
}

/// A member of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeInfo {
    /// An operator has said, for ever, that this node is stopped.
    pub excluded: bool,
    /// The rack it stands in, if anybody said so.
    pub rack: Option<String>,
    /// It is to be emptied: its replicas move away, and none comes.
    pub draining: bool,
    /// Where it is to be found, if anybody said so.
    pub address: Option<NodeAddress>,
}

impl NodeInfo {
    /// Bytes that a rack's name has at most.
    pub const RACK_BYTES_MAX: usize = 256;
}

/// Where a node is to be found. What the two mean is the business of whoever dials them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NodeAddress {
    /// For the other nodes: `host:port`.
    pub transport: String,
    /// For people and their tools: a URL.
    pub admin: String,
}

impl NodeAddress {
    /// Bytes that each of the two has at most.
    pub const BYTES_MAX: usize = 512;
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The name its makers gave it.
    pub name: String,
    /// Its tablets, in order of their ranges.
    pub tablets: Vec<TabletId>,
}

/// A tablet: a contiguous token range of a table, with a replica set.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tablet {
    /// The table it is part of.
    pub table: TableId,
    /// The tokens it holds.
    pub range: TokenRange,
    /// The replicas while no transition runs; the old set while one does.
    pub replicas: BTreeSet<NodeId>,
    /// How often this tablet's metadata has changed.
    pub epoch: Epoch,
    /// The change that runs.
    pub transition: Option<Transition>,
    /// The highest timestamp up to which a purge was ever begun; a write that is not later is not tried again.
    pub purge_floor: u64,
}

impl Table {
    /// Tablets that a table has at most.
    pub const TABLETS_MAX: u32 = 1 << 20;

    /// Bytes that a table's name has at most.
    pub const NAME_BYTES_MAX: usize = 1024;
}

impl Tablet {
    /// The nodes that take part: the replicas, and those of a transition's new set.
    #[must_use]
    pub fn participants(&self) -> BTreeSet<NodeId> {
        self.transition
            .as_ref()
            .map_or_else(|| self.replicas.clone(), Transition::participants)
    }

    /// Whether `node` is replica or participant.
    #[must_use]
    pub fn concerns(&self, node: NodeId) -> bool {
        self.replicas.contains(&node) || self.transition.as_ref().is_some_and(|t| t.new.contains(&node))
    }

    /// The replica sets that writes use now: one, or two.
    #[must_use]
    pub fn write_sets(&self) -> Vec<&BTreeSet<NodeId>> {
        self.transition
            .as_ref()
            .map_or_else(|| vec![&self.replicas], |t| t.sets(t.stage.writes()))
    }

    /// The replica set that reads use now.
    #[must_use]
    pub fn read_set(&self) -> &BTreeSet<NodeId> {
        self.transition
            .as_ref()
            .map_or(&self.replicas, |t| match t.stage.reads() {
                #[cfg(tidegate_mutants)]
                Selector::New
                    if tidegate_mutants::on("both-selectors-in-one-step")
                        && t.stage == crate::Stage::WriteBothReadNew =>
                {
                    &t.old
                }
                Selector::New => &t.new,
                _ => &t.old,
            })
    }
}

impl Metadata {
    /// Whether `node` is a member and not excluded.
    #[must_use]
    pub fn is_live_member(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(|info| !info.excluded)
    }

    /// Whether an operator has excluded `node`.
    #[must_use]
    pub fn is_excluded(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(|info| info.excluded)
    }

    /// The tablet of `table` that holds `token`.
    #[must_use]
    pub fn tablet_of(&self, table: TableId, token: Token) -> Option<(TabletId, &Tablet)> {
        let ids = &self.tables.get(&table)?.tablets;
        let at = ids.partition_point(|id| self.tablets.get(id).is_some_and(|t| t.range.last < token));
        let id = *ids.get(at)?;
        let tablet = self.tablets.get(&id)?;
        tablet.range.contains(token).then_some((id, tablet))
    }
}

/// The size of a majority of `set`.
#[must_use]
pub fn quorum_of(set: &BTreeSet<NodeId>) -> usize {
    set.len() / 2 + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Change;

    #[test]
    fn every_token_of_a_table_is_in_the_one_tablet_that_holds_it() {
        let mut metadata = Metadata::default();
        let node = NodeId::new(1);
        let spare = Change::CreateTable {
            name: "a".to_owned(),
            replicas: vec![[node].into(); 5],
        };
        let table = Change::CreateTable {
            name: "b".to_owned(),
            replicas: vec![[node].into(); 7],
        };
        for change in [Change::AddNode { node }, spare, table] {
            metadata
                .apply(Version::new(1), &change)
                .outcome
                .expect("accepted");
        }
        let table = TableId::new(1);
        for range in TokenRange::split_ring(7) {
            for token in [range.first, range.last] {
                let (id, tablet) = metadata.tablet_of(table, token).expect("a tablet");
                assert_eq!((tablet.range, tablet.table), (range, table));
                assert_eq!(metadata.tablets.get(&id), Some(tablet));
            }
        }
        assert!(metadata.tablet_of(TableId::new(2), Token(0)).is_none());
    }

    #[test]
    fn a_quorum_is_a_majority() {
        let quorums: Vec<_> = (1..=7)
            .map(|size| quorum_of(&(0..size).map(NodeId::new).collect()))
            .collect();
        assert_eq!(quorums, [1, 2, 2, 3, 3, 4, 4]);
    }
}
