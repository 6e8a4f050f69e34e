//! What both ends agree was carried.

use std::fmt;

use crate::checksum::PayloadCrc;

/// What both ends agree was carried by one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Receipt {
    /// Batches.
    pub batches: u64,
    /// Rows in them.
    pub rows: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// The CRC-32C of all payloads, one after the other.
    pub digest: u32,
}

impl Receipt {
    /// Counts one more batch, by the CRC-32C of its payload.
    pub(crate) fn add(&mut self, rows: u32, payload: &PayloadCrc) {
        self.batches += 1;
        self.rows += u64::from(rows);
        self.bytes += payload.len() as u64;
        self.digest = payload.after(self.digest);
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            batches,
            rows,
            bytes,
            digest,
        } = self;
        write!(
            f,
            "{batches} batches, {rows} rows, {bytes} bytes, digest {digest:08x}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_is_that_of_all_payloads() {
        let mut receipt = Receipt::default();
        for payload in [&b"ab"[..], b"", b"cde"] {
            receipt.add(1, &PayloadCrc::of(payload));
        }
        assert_eq!(
            receipt,
            Receipt {
                batches: 3,
                rows: 3,
                bytes: 5,
                digest: crc32c::crc32c(b"abcde")
            }
        );
    }
}
