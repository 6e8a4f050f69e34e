//! What guards and sessions cost, against what tokio-util has for it.
//!
//! All of it is bound by the processor: the first three by atomic operations, the rest by the caches, as a million
//! sessions do not fit into them.

mod check;
mod ending;
mod enter;
pub(crate) mod footprint;
mod million;
mod reconcile;
mod reference;
mod registry;
mod thaw;

use crate::case::Entry;

/// The cases of this group.
pub(crate) fn entries() -> Vec<Entry> {
    let mut entries = vec![
        Entry::quick("guard/check", check::case),
        Entry::quick("guard/enter/1", enter::alone),
        Entry::quick("guard/enter/2", enter::two),
    ];
    entries.extend(thaw::entries());
    entries.extend(ending::entries());
    entries.push(Entry::quick("guard/million", million::case));
    entries.push(Entry::quick("guard/memory/1e6", footprint::case));
    entries.extend(reconcile::entries());
    entries
}
