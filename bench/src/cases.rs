//! All cases, in the order in which they run.

use crate::case::Entry;

/// Every case there is.
pub(crate) fn all() -> Vec<Entry> {
    Vec::new()
}
