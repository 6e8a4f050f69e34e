//! All cases, in the order in which they run.

mod stream;

use crate::case::Entry;

/// Every case there is.
pub(crate) fn all() -> Vec<Entry> {
    let groups = [stream::entries()];
    groups.into_iter().flatten().collect()
}
