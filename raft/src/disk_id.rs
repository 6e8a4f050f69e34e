//! Which disk a node has.

use std::fmt;

use openraft::AsyncRuntime as _;
use rand::Rng as _;

use crate::runtime::SeededRuntime;

/// Which disk a node has: made at random before the disk is first used, and kept on it.
///
/// The membership names each node's. So whoever asks a node for its vote, or to acknowledge entries, asks the disk on which
/// that node's promises are; a node that lost it has another, and promised nothing on that.
#[derive(Clone, Copy, PartialEq, Eq)]
// The library's suite of storages asks for it.
#[cfg_attr(test, derive(Default))]
pub(crate) struct DiskId(pub(crate) u128);

impl DiskId {
    pub(crate) fn random() -> Self {
        let mut random = SeededRuntime::thread_rng();
        let [high, low] = [random.next_u64(), random.next_u64()].map(u128::from);
        Self(high << 64 | low)
    }
}

impl fmt::Display for DiskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for DiskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
