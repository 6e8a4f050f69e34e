//! Where a key lies.

use std::fmt;

/// A key's place on the ring of all keys of a table. How a key becomes a token is the store's affair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// Tokens from `first` to `last`, both inclusive, so that the whole ring can be written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenRange {
    /// The first token in the range.
    pub first: Token,
    /// The last token in the range.
    pub last: Token,
}

impl TokenRange {
    /// Every token.
    pub const ALL: Self = Self {
        first: Token(0),
        last: Token(u64::MAX),
    };

    /// Whether the range holds `token`.
    #[must_use]
    pub fn contains(&self, token: Token) -> bool {
        self.first <= token && token <= self.last
    }

    /// The ring cut into `count` ranges of nearly equal length, in order; empty for zero.
    #[must_use]
    pub fn split_ring(count: u32) -> Vec<Self> {
        let count = u128::from(count);
        let bound = |i: u128| ((i << 64) / count) as u64;
        (0..count)
            .map(|i| Self {
                first: Token(bound(i)),
                last: Token(if i + 1 == count {
                    u64::MAX
                } else {
                    bound(i + 1) - 1
                }),
            })
            .collect()
    }
}

impl fmt::Display for TokenRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}..={:016x}", self.first.0, self.last.0)
    }
}
