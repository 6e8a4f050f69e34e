//! Values by what they hash to, so that the oracle's memory does not grow with them.

use std::fmt;

use xxhash_rust::xxh3::xxh3_128;

/// What tells one value from another. 128 bits: nobody chooses values to collide here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digest(u128);

impl Digest {
    pub(crate) fn of(value: &[u8]) -> Self {
        Self(xxh3_128(value))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
