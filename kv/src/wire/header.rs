//! The headers of messages, and where they end.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::{Decode, Encode};
use bytes::{BufMut, Bytes, BytesMut};

use super::WireError;

/// Bytes of memory that a header may decode into, far above what any takes; no header holds a collection.
const LIMIT: usize = 256;

const CONFIG: Configuration<LittleEndian, Varint, Limit<LIMIT>> = bincode::config::standard().with_limit();

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) enum RequestHeader {
    Read {
        tablet: u64,
        epoch: u64,
    },
    Latest {
        tablet: u64,
        epoch: u64,
    },
    Write {
        tablet: u64,
        epoch: u64,
    },
    Tombstones {
        tablet: u64,
        session: u128,
        floor: u64,
        from_start: bool,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) enum AnswerHeader {
    Rows { clock: u64 },
    Latest { clock: u64 },
    Written { clock: u64 },
    Stale { wanted: u64 },
    NotReplica,
    Behind,
    NotRunning,
    NotPurging,
    DiskFull,
    Failed,
}

/// A message that has its header, and room for a body.
pub(super) fn join(header: &impl Encode, body_len: usize) -> BytesMut {
    let mut bytes = [0; LIMIT];
    // Cannot fail: the longest header takes 38 bytes. A header of no bytes would be refused at the other end.
    let len = bincode::encode_into_slice(header, &mut bytes, CONFIG).unwrap_or_default();
    let mut message = BytesMut::with_capacity(2 + len + body_len);
    message.put_u16_le(len as u16);
    message.put_slice(&bytes[..len]);
    message
}

/// The header of a message, and its body.
pub(super) fn split<H: Decode<()>>(message: &Bytes) -> Result<(H, Bytes), WireError> {
    let (len, rest) = message.split_first_chunk().ok_or(WireError::Header)?;
    let len = usize::from(u16::from_le_bytes(*len));
    let header = rest
        .get(..len)
        .filter(|header| header.len() <= LIMIT)
        .ok_or(WireError::Header)?;
    match bincode::decode_from_slice(header, CONFIG) {
        Ok((header, consumed)) if consumed == len => Ok((header, message.slice(2 + len..))),
        _ => Err(WireError::Header),
    }
}
