//! Ids that follow each other lie together.

use std::hash::{Hash, Hasher};

use tidegate_guard::SessionId;

/// Bits in which neighbours differ: up to eight of them share a place.
const BITS: u32 = 3;

/// An id, hashed without its last bits: ids that follow each other lie together.
///
/// Where there are a million, what a change costs is its cache misses, and one that closes a session and opens the next
/// of the same tablet, whose number follows, finds both in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Neighbour(pub(super) SessionId);

impl Hash for Neighbour {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // As bytes: the hasher mixes those well, and whole numbers badly.
        state.write(&(self.0.as_u128() >> BITS).to_ne_bytes());
    }
}
