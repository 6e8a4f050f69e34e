//! Names for proposals that need no randomness.

use tidegate_tablets::{RequestId, Version};

/// Who makes a name: so that no name of one is ever another's.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Maker {
    Coordinator,
    Balancer,
    Operator,
}

/// A name for a proposal: the version at which it was made, and a digest (FNV-1a) of what it says. The same name is
/// the same proposal, whoever makes it; one that is made later has a later version, for every decision moves it.
#[derive(Debug)]
pub(crate) struct Naming {
    digest: u64,
}

impl Naming {
    pub(crate) const fn new() -> Self {
        Self {
            digest: 0xcbf2_9ce4_8422_2325,
        }
    }

    pub(crate) fn number(self, number: u64) -> Self {
        self.bytes(&number.to_le_bytes())
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        for byte in bytes {
            self.digest = (self.digest ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        self
    }

    pub(crate) fn name(self, maker: Maker, made_at: Version) -> RequestId {
        const VERSION_MAX: u64 = u64::MAX >> 2;
        let maker = match maker {
            Maker::Coordinator => 0,
            Maker::Balancer => 1_u128 << 126,
            Maker::Operator => 1_u128 << 127,
        };
        RequestId(maker | u128::from(made_at.as_u64() & VERSION_MAX) << 64 | u128::from(self.digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_fnv_1a() {
        let name = |bytes: &[u8]| {
            Naming::new()
                .bytes(bytes)
                .name(Maker::Coordinator, Version::new(0))
                .0
        };
        // Test vectors of draft-eastlake-fnv.
        assert_eq!(name(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(name(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(name(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn makers_and_versions_keep_names_apart() {
        let name = |maker, version| Naming::new().number(1).name(maker, Version::new(version));
        let all = [
            name(Maker::Coordinator, 1),
            name(Maker::Coordinator, 2),
            name(Maker::Balancer, 1),
            name(Maker::Balancer, 2),
            name(Maker::Operator, 1),
            name(Maker::Operator, 2),
        ];
        assert_eq!(
            all.into_iter().collect::<std::collections::BTreeSet<_>>().len(),
            6
        );
    }
}
