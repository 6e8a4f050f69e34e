//! What is stored.

use bytes::Bytes;

use crate::Timestamp;

/// One version of one key: the only one that a replica keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The key.
    pub key: Bytes,
    /// When it was written. Of two rows of a key the later one stays.
    pub timestamp: Timestamp,
    /// The value; `None` is a tombstone: the key was deleted.
    pub value: Option<Bytes>,
}

impl Row {
    /// Bytes of key and value.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        (self.key.len() + self.value.as_ref().map_or(0, Bytes::len)) as u64
    }
}
