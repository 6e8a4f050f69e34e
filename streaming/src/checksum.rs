//! What the CRC-32C of two pieces together is, without a second look at either.
//!
//! A CRC is a remainder of polynomials over GF(2): bytes that follow multiply it by a power of x. That power is made of
//! squares that are known beforehand, a product of 32 steps for every bit that the length has; as the header of a
//! frame and the digest of a stream are followed by the same payload, it is made once for both.

/// The polynomial of CRC-32C, the highest power in the lowest bit and x³² left out.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// One, in that order of bits.
const ONE: u32 = 1 << 31;

/// x to the power of 8 × 2ⁿ: what 2ⁿ bytes multiply by.
const POWERS: [u32; usize::BITS as usize] = powers();

/// The CRC-32C of a payload, and what the payload does to the CRC of whatever it follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PayloadCrc {
    crc: u32,
    len: usize,
    shift: u32,
}

impl PayloadCrc {
    /// That of no payload.
    pub(crate) const NONE: Self = Self {
        crc: 0,
        len: 0,
        shift: ONE,
    };

    pub(crate) fn of(payload: &[u8]) -> Self {
        Self::new(crc32c::crc32c(payload), payload.len())
    }

    fn new(crc: u32, len: usize) -> Self {
        let mut shift = ONE;
        for (bit, power) in POWERS.iter().enumerate() {
            if len >> bit == 0 {
                break;
            }
            if (len >> bit) & 1 == 1 {
                shift = product(shift, *power);
            }
        }
        Self { crc, len, shift }
    }

    /// Bytes of the payload.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The CRC of what has the CRC `before`, and the payload after it.
    pub(crate) fn after(&self, before: u32) -> u32 {
        product(before, self.shift) ^ self.crc
    }
}

/// The remainder of the product.
const fn product(mut a: u32, mut b: u32) -> u32 {
    let mut sum = 0;
    while a != 0 {
        // All ones or none: the bits are as good as random, and a branch would be guessed wrong every other time.
        sum ^= b & (a >> 31).wrapping_neg();
        a <<= 1;
        b = (b >> 1) ^ (POLYNOMIAL & (b & 1).wrapping_neg());
    }
    sum
}

const fn powers() -> [u32; usize::BITS as usize] {
    // x to the power of 8.
    let mut power = ONE >> 8;
    let mut powers = [0; usize::BITS as usize];
    let mut n = 0;
    while n < powers.len() {
        powers[n] = power;
        power = product(power, power);
        n += 1;
    }
    powers
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn two_pieces_are_as_one(first: Vec<u8>, second: Vec<u8>) {
            let whole = crc32c::crc32c_append(crc32c::crc32c(&first), &second);
            prop_assert_eq!(PayloadCrc::of(&second).after(crc32c::crc32c(&first)), whole);
        }

        #[test]
        fn of_any_length_it_is_what_the_library_says(first: u32, second: u32, len in 1..=usize::MAX) {
            let combined = PayloadCrc::new(second, len).after(first);
            prop_assert_eq!(combined, crc32c::crc32c_combine(first, second, len));
        }
    }

    #[test]
    fn nothing_changes_nothing() {
        assert_eq!(PayloadCrc::of(&[]), PayloadCrc::NONE);
        assert_eq!(PayloadCrc::NONE.after(0x1234_5678), 0x1234_5678);
    }
}
