//! What an engine can keep under a key: the rest of its row.

use bytes::{BufMut, Bytes, BytesMut};

use crate::{DecodeError, RowRef, Timestamp};

const VALUE: u8 = 0;
const TOMBSTONE: u8 = 1;

/// Bytes in front of the value: a flag, then time, node and start.
const HEADER: usize = 25;

/// What an engine can keep under a key: when the row was written, and its value.
///
/// Encoded: a flag (0 value, 1 tombstone), time, node, start (`u64` each, little-endian), then the value to the
/// end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredValue<'a> {
    /// When it was written.
    pub timestamp: Timestamp,
    /// The value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
}

impl<'a> StoredValue<'a> {
    /// In one buffer.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut buffer = BytesMut::with_capacity(HEADER + self.value.unwrap_or_default().len());
        self.put(&mut buffer);
        buffer.freeze()
    }

    /// In place of what is in a buffer, for who encodes one after the other.
    pub fn encode_into(&self, buffer: &mut Vec<u8>) {
        buffer.clear();
        self.put(buffer);
    }

    fn put(&self, buffer: &mut impl BufMut) {
        buffer.put_u8(if self.value.is_some() { VALUE } else { TOMBSTONE });
        buffer.put_u64_le(self.timestamp.time);
        buffer.put_u64_le(self.timestamp.node);
        buffer.put_u64_le(self.timestamp.start);
        buffer.put_slice(self.value.unwrap_or_default());
    }

    /// From what [`encode`](Self::encode) has made.
    ///
    /// # Errors
    ///
    /// [`DecodeError`].
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (flag, rest) = bytes.split_first().ok_or(DecodeError::Truncated)?;
        let (time, rest) = rest.split_first_chunk().ok_or(DecodeError::Truncated)?;
        let (node, rest) = rest.split_first_chunk().ok_or(DecodeError::Truncated)?;
        let (start, value) = rest.split_first_chunk().ok_or(DecodeError::Truncated)?;
        let timestamp = Timestamp {
            time: u64::from_le_bytes(*time),
            node: u64::from_le_bytes(*node),
            start: u64::from_le_bytes(*start),
        };
        match *flag {
            VALUE => Ok(Self {
                timestamp,
                value: Some(value),
            }),
            TOMBSTONE if value.is_empty() => Ok(Self {
                timestamp,
                value: None,
            }),
            TOMBSTONE => Err(DecodeError::Trailing { len: value.len() }),
            flag => Err(DecodeError::Flag(flag)),
        }
    }

    /// The row it makes with its key.
    #[must_use]
    pub const fn under(self, key: &'a [u8]) -> RowRef<'a> {
        RowRef {
            key,
            timestamp: self.timestamp,
            value: self.value,
        }
    }
}

impl<'a> From<RowRef<'a>> for StoredValue<'a> {
    fn from(row: RowRef<'a>) -> Self {
        Self {
            timestamp: row.timestamp,
            value: row.value,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(
            time: u64, node: u64, start: u64,
            value: Option<Vec<u8>>,
        ) {
            let stored = StoredValue { timestamp: Timestamp { time, node, start }, value: value.as_deref() };
            let bytes = stored.encode();
            prop_assert_eq!(StoredValue::decode(&bytes), Ok(stored));
            let mut again = vec![1];
            stored.encode_into(&mut again);
            prop_assert_eq!(&bytes[..], &again[..]);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            if let Ok(stored) = StoredValue::decode(&bytes) {
                prop_assert_eq!(&stored.encode()[..], &bytes[..]);
            }
        }
    }

    #[test]
    fn a_tombstone_with_a_value_is_refused() {
        let mut bytes = StoredValue {
            timestamp: Timestamp::default(),
            value: None,
        }
        .encode()
        .to_vec();
        bytes.push(7);
        assert_eq!(StoredValue::decode(&bytes), Err(DecodeError::Trailing { len: 1 }));
        bytes[0] = 2;
        assert_eq!(StoredValue::decode(&bytes), Err(DecodeError::Flag(2)));
        assert_eq!(StoredValue::decode(&bytes[..24]), Err(DecodeError::Truncated));
    }
}
