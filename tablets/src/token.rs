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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_ring_has_no_gap_and_no_overlap() {
        assert_eq!(TokenRange::split_ring(0), []);
        assert_eq!(TokenRange::split_ring(1), [TokenRange::ALL]);
        for count in [2, 3, 7, 32, 1000, 1 << 20] {
            let ring = TokenRange::split_ring(count);
            assert_eq!(ring.len(), count as usize);
            assert_eq!(
                (ring[0].first, ring[ring.len() - 1].last),
                (Token(0), Token(u64::MAX))
            );
            let length = u64::MAX / u64::from(count);
            for pair in ring.windows(2) {
                assert_eq!(pair[0].last.0 + 1, pair[1].first.0);
                assert!((pair[0].last.0 - pair[0].first.0).abs_diff(length) <= 1);
            }
        }
    }

    #[test]
    fn both_ends_of_a_range_are_in_it() {
        let range = TokenRange {
            first: Token(3),
            last: Token(5),
        };
        let inside: Vec<u64> = (0..9).filter(|token| range.contains(Token(*token))).collect();
        assert_eq!(inside, [3, 4, 5]);
        assert_eq!(range.to_string(), "0000000000000003..=0000000000000005");
    }
}
