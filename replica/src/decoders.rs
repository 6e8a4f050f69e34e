//! The decoders of what peers send, for those who feed them any bytes.
//!
//! Each gives what it read, encoded anew, if it could read it.

use bytes::Bytes;

use crate::wire;

/// What a node is asked.
#[must_use]
pub fn request(frame: &[u8]) -> Option<Bytes> {
    wire::encode_request(&wire::decode_request(frame).ok()?).ok()
}

/// Some tablets' answers of a barrier; those that one frame would hold come in one.
#[must_use]
pub fn barrier(frame: &[u8]) -> Option<Bytes> {
    let mut frames = wire::encode_barrier(&wire::decode_barrier(frame).ok()?).ok()?;
    (frames.len() == 1).then(|| frames.remove(0))
}

/// The answer of an operation.
#[must_use]
pub fn operation(frame: &[u8]) -> Option<Bytes> {
    wire::encode_operation(&wire::decode_operation(frame).ok()?).ok()
}
