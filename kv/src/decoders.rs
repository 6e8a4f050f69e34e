//! The decoders of what peers send, for those who feed them any bytes.
//!
//! Each gives what it read, encoded anew, if it could read it. The codec of rows is public as it is.

use bytes::Bytes;

use crate::RowRef;
use crate::wire::{Answer, Request, encode_keys_request, encode_tombstones, encode_write};

/// What one node asks of another, of at most `entries_max` keys or rows.
#[must_use]
pub fn request(message: &Bytes, entries_max: usize) -> Option<Bytes> {
    match Request::decode(message, entries_max).ok()? {
        Request::Read { tablet, epoch, keys } => encode_keys_request(true, (tablet, epoch), keys.iter()).ok(),
        Request::Latest { tablet, epoch, keys } => {
            encode_keys_request(false, (tablet, epoch), keys.iter()).ok()
        }
        Request::Write { tablet, epoch, rows } => {
            encode_write((tablet, epoch), rows.iter().map(RowRef::from)).ok()
        }
        Request::Tombstones {
            tablet,
            session,
            floor,
            after,
        } => Some(encode_tombstones(tablet, session, floor, after.as_ref())),
    }
}

/// What the other answers, of at most `entries_max` rows or timestamps.
#[must_use]
pub fn answer(message: &Bytes, entries_max: usize) -> Option<Bytes> {
    Answer::decode(message, entries_max).ok()?.encode().ok()
}
