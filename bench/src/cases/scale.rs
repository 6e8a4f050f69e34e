//! What one change costs among a thousand, a hundred thousand and a million tablets: it must follow the change, and not
//! the table. The metadata is an ordered map that shares what did not change, so a step of it costs its depth, and more
//! cache misses the larger it is: that is the ratio to expect. No bounds: the figures are for whoever looks.

mod cluster;
mod following;
pub(crate) mod footprint;
mod store;

use crate::case::Entry;

/// The cases of this group.
pub(crate) fn entries() -> Vec<Entry> {
    vec![
        Entry::quick("scale/apply", store::apply),
        Entry::quick("scale/snapshot", store::snapshot),
        Entry::quick("scale/plan", following::plan_one),
        Entry::quick("scale/node", following::node),
        Entry::quick("scale/memory", footprint::case),
    ]
}

/// The sizes of the metadata, in tablets, the smallest first: what the others are compared with.
const SIZES: [(&str, u32); 3] = [("1e3", 1_000), ("1e5", 100_000), ("1e6", 1_000_000)];
