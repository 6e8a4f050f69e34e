//! The frames of a stream, for those who feed its ends what no end of theirs would send.
//!
//! A decoder gives what it read, encoded anew, if it could read it.

use bytes::{Bytes, BytesMut};

use crate::wire::{self, FromPuller, FromSource};
use crate::{Batch, Opening, Receipt, Refusal, WireError};

/// What a puller asks for.
///
/// # Errors
///
/// [`WireError`]: a position that is too long.
pub fn opening(opening: &Opening) -> Result<Bytes, WireError> {
    wire::encode_opening(opening)
}

/// The source takes part.
///
/// # Errors
///
/// None that are known.
pub fn accepted() -> Result<Bytes, WireError> {
    wire::encode_accepted()
}

/// The source does not take part.
///
/// # Errors
///
/// None that are known.
pub fn refused(refusal: Refusal) -> Result<Bytes, WireError> {
    wire::encode_refused(refusal)
}

/// A batch, counted into `carried`: its header, to be followed by its payload.
///
/// # Errors
///
/// [`WireError`]: what no batch may be.
pub fn batch(sequence: u64, batch: &Batch, carried: &mut Receipt) -> Result<[Bytes; 2], WireError> {
    let (header, crc) = wire::encode_batch(sequence, batch, &mut BytesMut::new())?;
    carried.add(batch.rows, &crc);
    Ok([header, batch.payload.clone()])
}

/// The source lives and holds back.
///
/// # Errors
///
/// None that are known.
pub fn source_waiting() -> Result<Bytes, WireError> {
    wire::encode_source_waiting()
}

/// The source has sent everything.
///
/// # Errors
///
/// None that are known.
pub fn end(receipt: Receipt) -> Result<Bytes, WireError> {
    wire::encode_end(receipt)
}

/// The puller lives and holds back.
///
/// # Errors
///
/// None that are known.
pub fn puller_waiting() -> Result<Bytes, WireError> {
    wire::encode_puller_waiting()
}

/// The puller has everything.
///
/// # Errors
///
/// None that are known.
pub fn receipt_accepted(receipt: Receipt) -> Result<Bytes, WireError> {
    wire::encode_receipt_accepted(receipt)
}

/// The first frame of a puller.
#[must_use]
pub fn decode_opening(frame: &Bytes) -> Option<Bytes> {
    wire::encode_opening(&wire::decode_opening(frame).ok()?).ok()
}

/// A frame of a source.
#[must_use]
pub fn decode_from_source(frame: &Bytes, batch_bytes_max: usize) -> Option<Bytes> {
    let encoded = match wire::decode_from_source(frame, batch_bytes_max).ok()? {
        FromSource::Accepted => wire::encode_accepted(),
        FromSource::Refused(refusal) => wire::encode_refused(refusal),
        FromSource::Batch { sequence, batch, .. } => {
            wire::encode_batch(sequence, &batch, &mut BytesMut::new())
                .map(|(header, _)| [header, batch.payload].concat().into())
        }
        FromSource::Waiting => wire::encode_source_waiting(),
        FromSource::End(receipt) => wire::encode_end(receipt),
    };
    encoded.ok()
}

/// A later frame of a puller.
#[must_use]
pub fn decode_from_puller(frame: &Bytes) -> Option<Bytes> {
    let encoded = match wire::decode_from_puller(frame).ok()? {
        FromPuller::Waiting => wire::encode_puller_waiting(),
        FromPuller::ReceiptAccepted(receipt) => wire::encode_receipt_accepted(receipt),
    };
    encoded.ok()
}

/// What a source says that it has sent, if the frame is its last.
#[must_use]
pub fn receipt_of(frame: &Bytes) -> Option<Receipt> {
    match wire::decode_from_source(frame, usize::MAX).ok()? {
        FromSource::End(receipt) => Some(receipt),
        _ => None,
    }
}
