//! Where the replicas of a new table go.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_tablets::{Metadata, NodeId, ReplicaSpec};

/// A set of replicas for each tablet: on different nodes, in different racks where there are enough, and as many on
/// each node as on the others, those that it has already counted. `None` where there are too few nodes.
pub(super) fn place(metadata: &Metadata, tablets: u32, replicas: u32) -> Option<Vec<ReplicaSpec>> {
    let taken = metadata
        .nodes
        .iter()
        .filter(|(_, info)| !info.excluded && !info.draining);
    let nodes: BTreeMap<NodeId, Option<&str>> =
        taken.map(|(node, info)| (*node, info.rack.as_deref())).collect();
    if replicas == 0 || nodes.len() < replicas as usize {
        return None;
    }
    let mut held: BTreeMap<NodeId, usize> = nodes
        .keys()
        .map(|node| (*node, metadata.tablets_of(*node).count()))
        .collect();
    let sets = (0..tablets).map(|tablet| {
        let mut set = ReplicaSpec::new();
        let mut racks: BTreeSet<&str> = BTreeSet::new();
        for replica in 0..replicas {
            // Ties go round, so that not every tablet has its replicas on the same nodes.
            let turn = (tablet as usize).wrapping_add(replica as usize);
            let free = nodes
                .iter()
                .enumerate()
                .filter(|(_, (node, _))| !set.contains(*node));
            let best = free.min_by_key(|(at, (node, rack))| {
                let shares = rack.is_some_and(|rack| racks.contains(rack));
                let after = (at + nodes.len() - turn % nodes.len()) % nodes.len();
                (shares, held.get(*node).copied().unwrap_or(0), after)
            });
            let Some((_, (node, rack))) = best else { break };
            set.insert(*node);
            racks.extend(*rack);
            *held.entry(*node).or_default() += 1;
        }
        set
    });
    Some(sets.collect())
}

#[cfg(test)]
mod tests {
    use tidegate_tablets::{Change, Version};

    use super::*;

    fn cluster(racks: &[Option<&str>]) -> Metadata {
        let mut metadata = Metadata::default();
        for (node, rack) in (1..).map(NodeId::new).zip(racks) {
            let rack = rack.map(str::to_owned);
            for change in [Change::AddNode { node }, Change::SetRack { node, rack }] {
                metadata
                    .apply(Version::new(1), &change)
                    .outcome
                    .expect("accepted");
            }
        }
        metadata
    }

    #[test]
    fn replicas_are_spread_evenly() {
        for nodes in 3..=7 {
            let metadata = cluster(&vec![None; nodes]);
            let sets = place(&metadata, 64, 3).expect("enough nodes");
            let mut counts = BTreeMap::new();
            for node in sets.iter().flatten() {
                *counts.entry(*node).or_insert(0_usize) += 1;
            }
            assert!(sets.iter().all(|set| set.len() == 3));
            let (least, most) = (counts.values().min(), counts.values().max());
            assert!(
                most.zip(least).is_some_and(|(most, least)| most - least <= 1),
                "{counts:?}"
            );
        }
    }

    #[test]
    fn no_two_replicas_share_a_rack_where_that_can_be() {
        let racks = [Some("a"), Some("a"), Some("a"), Some("b"), Some("c")];
        let metadata = cluster(&racks);
        for set in place(&metadata, 32, 3).expect("enough nodes") {
            let used: BTreeSet<_> = set.iter().map(|node| racks[node.as_u64() as usize - 1]).collect();
            assert_eq!(used.len(), 3, "{set:?}");
        }
        assert!(place(&metadata, 1, 5).is_some(), "sharing is better than none");
        assert_eq!(place(&metadata, 1, 6), None);
    }

    #[test]
    fn nodes_that_are_to_be_empty_get_nothing() {
        let mut metadata = cluster(&[None; 4]);
        let node = NodeId::new(2);
        metadata
            .apply(Version::new(1), &Change::Drain { node })
            .outcome
            .expect("accepted");
        let sets = place(&metadata, 8, 3).expect("enough nodes");
        assert!(sets.iter().all(|set| !set.contains(&node)));
        assert_eq!(place(&metadata, 8, 4), None);
    }
}
