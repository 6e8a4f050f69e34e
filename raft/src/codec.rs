//! What this crate writes to disk and to the wire: the only module that names bincode.
//!
//! Each part has its own frames, which stay what they are when the types that they stand for change.

pub(crate) mod answer;
pub(crate) mod change;
pub(crate) mod entry;
pub(crate) mod log_request;
mod member;
pub(crate) mod message;
mod permits;
pub(crate) mod records;
pub(crate) mod snapshot;
mod tablet;

#[cfg(test)]
mod tests;

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::{Decode, Encode};
use bytes::Bytes;
use thiserror::Error;

/// What cannot be encoded, or is nothing of this version.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum CodecError {
    #[error("{0} cannot be written in this version")]
    Unknown(&'static str),
    #[error("{0} cannot be decoded")]
    Malformed(&'static str),
}

/// Memory that decoding may take, for frames of up to that many bytes. No item of a collection takes less than a
/// byte, or becomes more than some hundred: what a count promises is held against what came.
const SMALL: usize = 1 << 10;
const MIDDLE: usize = 1 << 16;
const SMALL_LIMIT: usize = 1 << 18;
const MIDDLE_LIMIT: usize = 1 << 24;
const LARGE_LIMIT: usize = 1 << 29;

const fn config<const LIMIT: usize>() -> Configuration<LittleEndian, Varint, Limit<LIMIT>> {
    bincode::config::standard().with_limit::<LIMIT>()
}

fn encode(frame: impl Encode) -> Result<Bytes, CodecError> {
    bincode::encode_to_vec(frame, config::<LARGE_LIMIT>())
        .map(Bytes::from)
        .map_err(|_| CodecError::Unknown("a frame of that length"))
}

fn decode<T: Decode<()>>(what: &'static str, frame: &[u8]) -> Result<T, CodecError> {
    let decoded = if frame.len() <= SMALL {
        bincode::decode_from_slice(frame, config::<SMALL_LIMIT>())
    } else if frame.len() <= MIDDLE {
        bincode::decode_from_slice(frame, config::<MIDDLE_LIMIT>())
    } else {
        bincode::decode_from_slice(frame, config::<LARGE_LIMIT>())
    };
    match decoded {
        Ok((value, consumed)) if consumed == frame.len() => Ok(value),
        _ => Err(CodecError::Malformed(what)),
    }
}
