//! From a key to its place on the ring.

use tidegate_tablets::Token;

/// The key's place on its table's ring. The same on every node, every platform and in every version: changing it
/// would move every row.
///
/// FNV-1a with 64 bits (Fowler, Noll and Vo), then the finishing mix of SplitMix64 (Steele, Lea and Flood,
/// "Fast splittable pseudorandom number generators", OOPSLA 2014): FNV alone leaves the upper bits of like keys
/// alike, and the upper bits choose the tablet. Not made to withstand keys chosen to collide.
#[must_use]
pub fn token_of(key: &[u8]) -> Token {
    let fnv = key.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mixed = (fnv ^ (fnv >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    Token(mixed ^ (mixed >> 31))
}

#[cfg(test)]
mod tests {
    use tidegate_tablets::TokenRange;

    use super::*;

    #[test]
    fn tokens_never_change() {
        let tokens = [b"".as_slice(), b"a", b"foobar"].map(token_of);
        assert_eq!(
            tokens,
            [
                Token(0xf52a_15e9_a9b5_e89b),
                Token(0x02c0_bdbf_4814_20f8),
                Token(0x404d_a9e3_b740_78c2)
            ]
        );
    }

    #[test]
    fn like_keys_spread_over_the_tablets() {
        let ranges = TokenRange::split_ring(32);
        let mut counts = [0; 32];
        for i in 0..32_000 {
            let token = token_of(format!("crate-1.0.{i}/src/lib.rs#0").as_bytes());
            let at = ranges.iter().position(|range| range.contains(token)).unwrap();
            counts[at] += 1;
        }
        assert!(
            counts.iter().all(|count| (850..1150).contains(count)),
            "{counts:?}"
        );
    }
}
