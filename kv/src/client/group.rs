//! Which keys go together in one message.

use std::collections::BTreeMap;

use bytes::Bytes;
use tidegate_tablets::{Metadata, TableId, TabletId};

use crate::token_of;

/// Some keys of one tablet, few enough for one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) tablet: TabletId,
    /// Where they stand in the client's batch, in order.
    pub(super) items: Vec<usize>,
}

/// How much goes into one part.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartLimits {
    pub(super) keys_max: usize,
    pub(super) bytes_max: usize,
}

/// Groups the items (place, key, bytes) of a batch by tablet, and cuts the groups where they get too large. Items
/// of a table that is not there are in no part.
pub(super) fn parts_of<'a>(
    map: &Metadata,
    table: TableId,
    items: impl Iterator<Item = (usize, &'a Bytes, usize)>,
    limits: PartLimits,
) -> Vec<Part> {
    let mut open: BTreeMap<TabletId, (Vec<usize>, usize)> = BTreeMap::new();
    let mut parts = Vec::new();
    for (at, key, bytes) in items {
        let Some((tablet, _)) = map.tablet_of(table, token_of(key)) else {
            continue;
        };
        let (items, held) = open.entry(tablet).or_default();
        if !items.is_empty() && (items.len() >= limits.keys_max || *held + bytes > limits.bytes_max) {
            *held = 0;
            parts.push(Part {
                tablet,
                items: std::mem::take(items),
            });
        }
        items.push(at);
        *held += bytes;
    }
    parts.extend(
        open.into_iter()
            .map(|(tablet, (items, _))| Part { tablet, items }),
    );
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tidegate_tablets::{Change, NodeId, Version};

    use super::*;

    fn map() -> Metadata {
        let mut map = Metadata::default();
        let replicas = vec![[NodeId::new(1)].into(); 4];
        let changes = [
            Change::AddNode { node: NodeId::new(1) },
            Change::CreateTable {
                name: "t".into(),
                replicas,
            },
        ];
        for (version, change) in (1..).zip(&changes) {
            map.apply(Version::new(version), change).outcome.unwrap();
        }
        map
    }

    proptest! {
        #[test]
        fn every_item_is_in_one_part_that_keeps_the_limits(
            items in prop::collection::vec((".{0,6}", 0usize..50), 0..60),
            keys_max in 1usize..8, bytes_max in 1usize..120,
        ) {
            let map = map();
            let (table, _) = map.tables.iter().next().unwrap();
            let items: Vec<(Bytes, usize)> = items.into_iter().map(|(key, len)| (key.into(), len)).collect();
            let placed = items.iter().enumerate().map(|(at, (key, bytes))| (at, key, *bytes));
            let parts = parts_of(&map, *table, placed, PartLimits { keys_max, bytes_max });
            let mut seen: Vec<usize> = parts.iter().flat_map(|part| part.items.clone()).collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..items.len()).collect::<Vec<_>>());
            for part in parts {
                prop_assert!(part.items.is_sorted() && part.items.len() <= keys_max);
                let bytes: usize = part.items.iter().map(|at| items[*at].1).sum();
                prop_assert!(bytes <= bytes_max || part.items.len() == 1);
                let range = map.tablets.get(&part.tablet).unwrap().range;
                prop_assert!(part.items.iter().all(|at| range.contains(token_of(&items[*at].0))));
            }
        }
    }

    #[test]
    fn a_table_that_is_not_there_has_no_parts() {
        let key = Bytes::from_static(b"k");
        let limits = PartLimits {
            keys_max: 1,
            bytes_max: 1,
        };
        assert!(parts_of(&map(), TableId::new(99), [(0, &key, 1)].into_iter(), limits).is_empty());
    }
}
