//! The frames of streams, with whatever checksum, and with the right one.

use bytes::{BufMut, Bytes, BytesMut};
use tidegate_streaming::frames;

use super::same_again;

/// Bytes of rows that a batch may have here.
const BATCH_BYTES_MAX: usize = 1 << 16;

pub(crate) fn frames(input: &[u8]) {
    decode(&Bytes::copy_from_slice(input));
}

/// The first byte is the length of the header, behind which the right checksum is put.
pub(crate) fn sealed(input: &[u8]) {
    let Some((len, rest)) = input.split_first() else {
        return;
    };
    let (header, payload) = rest.split_at(usize::from(*len).min(rest.len()));
    decode(&seal(header, payload));
}

/// A frame whose checksum is right.
pub(crate) fn seal(header: &[u8], payload: &[u8]) -> Bytes {
    let crc = crc32c::crc32c_append(crc32c::crc32c(header), payload);
    let mut frame = BytesMut::with_capacity(header.len() + 4 + payload.len());
    frame.put_slice(header);
    frame.put_slice(&crc.to_le_bytes());
    frame.put_slice(payload);
    frame.freeze()
}

fn decode(frame: &Bytes) {
    same_again(frame.clone(), frames::decode_opening, Clone::clone);
    same_again(frame.clone(), frames::decode_from_puller, Clone::clone);
    let from_source = |frame: &Bytes| frames::decode_from_source(frame, BATCH_BYTES_MAX);
    same_again(frame.clone(), from_source, Clone::clone);
}
