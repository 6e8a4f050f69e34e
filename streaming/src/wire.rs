//! The frames of a stream, and the only place that knows their bytes.
//!
//! Every frame is a bincode header, the CRC-32C of that header and what follows, and, in a batch alone, the raw
//! payload. A payload is never copied: encoded it is a frame's last part, decoded that part or a slice of the frame.

mod header;

use bincode::{BorrowDecode, Encode};
use bytes::{BufMut as _, Bytes, BytesMut};
use thiserror::Error;
use tidegate_guard::{FrozenGuard, SessionId};

use self::header::{OpeningHeader, PullerHeader, SourceHeader};
use crate::checksum::PayloadCrc;
use crate::{Batch, Opening, Position, Receipt, Refusal, UnitId};

/// The version of the frames below; the first thing in the first frame.
const WIRE_VERSION: u16 = 1;
/// Bytes of a position, that is of a key.
pub(crate) const POSITION_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a header: a position, and numbers.
const HEADER_BYTES_MAX: usize = POSITION_BYTES_MAX + 256;
/// Bytes of a header with a key of usual length, and its checksum: more room is made when it takes more.
const HEADER_BYTES_USUAL: usize = 96;
/// Bytes allocated at once for the headers of batches, which come in great numbers and are let go of in their order.
const HEADERS_BYTES: usize = 16 * HEADER_BYTES_USUAL;
const CRC_BYTES: usize = 4;

/// Why a frame was not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WireError {
    /// What came is no header, or more or less than one.
    #[error("a frame that cannot be decoded")]
    Malformed,
    /// The checksum does not match.
    #[error("a frame whose checksum does not match")]
    Checksum,
    /// The peer speaks another version.
    #[error("a frame of version {0}")]
    Version(u16),
    /// The session is nil, and nil names none.
    #[error("a frame that names no session")]
    NilSession,
    /// A position, or a batch, beyond its limit.
    #[error("{what} of {len} bytes is over the limit of {max}")]
    TooLarge {
        /// What.
        what: &'static str,
        /// Its bytes.
        len: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// A batch without rows.
    #[error("a batch without rows")]
    NoRows,
    /// A frame that has no place here.
    #[error("a frame out of turn: {0}")]
    OutOfTurn(&'static str),
}

/// What a source sends, decoded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FromSource {
    Accepted,
    Refused(Refusal),
    Batch {
        sequence: u64,
        batch: Batch,
        crc: PayloadCrc,
    },
    /// The sender lives and holds back on purpose.
    Waiting,
    End(Receipt),
}

/// What a puller sends after its opening, decoded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FromPuller {
    Waiting,
    ReceiptAccepted(Receipt),
}

pub(crate) fn encode_opening(opening: &Opening) -> Result<Bytes, WireError> {
    let resume = opening.resume.as_ref().map(|position| position.0.as_ref());
    check_position(resume.unwrap_or_default())?;
    let FrozenGuard { session, epoch } = opening.frozen;
    let header = OpeningHeader {
        version: WIRE_VERSION,
        unit: opening.unit.as_u64(),
        session: session.as_u128(),
        epoch,
        resume,
    };
    encode(&header, &PayloadCrc::NONE)
}

pub(crate) fn decode_opening(frame: &Bytes) -> Result<Opening, WireError> {
    let (header, payload, _): (OpeningHeader<'_>, _, _) = decode(frame)?;
    no_payload(payload)?;
    if header.version != WIRE_VERSION {
        return Err(WireError::Version(header.version));
    }
    check_position(header.resume.unwrap_or_default())?;
    let session = SessionId::from_u128(header.session).map_err(|_| WireError::NilSession)?;
    Ok(Opening {
        unit: UnitId::new(header.unit),
        frozen: FrozenGuard {
            session,
            epoch: header.epoch,
        },
        resume: header.resume.map(|key| Position(Bytes::copy_from_slice(key))),
    })
}

/// The header of a batch frame, to be followed by the payload, and the payload's own CRC. It is made in `room`, which a
/// stream keeps for its next.
pub(crate) fn encode_batch(
    sequence: u64,
    batch: &Batch,
    room: &mut BytesMut,
) -> Result<(Bytes, PayloadCrc), WireError> {
    check_position(&batch.last.0)?;
    if batch.rows == 0 {
        return Err(WireError::NoRows);
    }
    let payload_len = batch.payload.len();
    let crc = PayloadCrc::of(&batch.payload);
    let header = SourceHeader::Batch {
        sequence,
        rows: batch.rows,
        payload_len: payload_len as u64,
        last: &batch.last.0,
    };
    if room.capacity() < HEADER_BYTES_USUAL {
        room.reserve(HEADERS_BYTES);
    }
    Ok((encode_in(room, &header, &crc)?, crc))
}

pub(crate) fn encode_accepted() -> Result<Bytes, WireError> {
    encode(&SourceHeader::Accepted, &PayloadCrc::NONE)
}

pub(crate) fn encode_refused(refusal: Refusal) -> Result<Bytes, WireError> {
    encode(&SourceHeader::Refused(refusal.into()), &PayloadCrc::NONE)
}

pub(crate) fn encode_source_waiting() -> Result<Bytes, WireError> {
    encode(&SourceHeader::Waiting, &PayloadCrc::NONE)
}

pub(crate) fn encode_end(receipt: Receipt) -> Result<Bytes, WireError> {
    encode(&SourceHeader::End(receipt.into()), &PayloadCrc::NONE)
}

pub(crate) fn encode_puller_waiting() -> Result<Bytes, WireError> {
    encode(&PullerHeader::Waiting, &PayloadCrc::NONE)
}

pub(crate) fn encode_receipt_accepted(receipt: Receipt) -> Result<Bytes, WireError> {
    encode(&PullerHeader::ReceiptAccepted(receipt.into()), &PayloadCrc::NONE)
}

/// What a source sent, in the parts in which it came. Where the first is a header and the second its payload, as a sink
/// sends them, nothing is copied.
pub(crate) fn decode_from_source_parts(
    parts: &[Bytes],
    batch_bytes_max: usize,
) -> Result<FromSource, WireError> {
    match parts {
        [frame] => decode_from_source(frame, batch_bytes_max),
        [head, payload] => match open(head) {
            Ok((header, opened)) if opened.len == head.len() => {
                let crc = opened.check(head, payload)?;
                from_source(header, payload.clone(), crc, batch_bytes_max)
            }
            // Where the parts begin is the peer's and the transport's choice.
            _ => decode_from_source(&parts.concat().into(), batch_bytes_max),
        },
        _ => decode_from_source(&parts.concat().into(), batch_bytes_max),
    }
}

/// What a source sent. A batch's payload is a slice of the frame.
pub(crate) fn decode_from_source(frame: &Bytes, batch_bytes_max: usize) -> Result<FromSource, WireError> {
    let (header, payload, crc) = decode(frame)?;
    from_source(header, payload, crc, batch_bytes_max)
}

fn from_source(
    header: SourceHeader<'_>,
    payload: Bytes,
    crc: PayloadCrc,
    batch_bytes_max: usize,
) -> Result<FromSource, WireError> {
    let decoded = match header {
        SourceHeader::Batch {
            sequence,
            rows,
            payload_len,
            last,
        } => {
            check_position(last)?;
            if payload.len() > batch_bytes_max {
                return Err(WireError::TooLarge {
                    what: "a batch",
                    len: payload.len(),
                    max: batch_bytes_max,
                });
            }
            if payload.len() as u64 != payload_len {
                return Err(WireError::Malformed);
            }
            if rows == 0 {
                return Err(WireError::NoRows);
            }
            // Copied: an engine that keeps positions must not keep whole frames alive by them.
            let last = Position(Bytes::copy_from_slice(last));
            return Ok(FromSource::Batch {
                sequence,
                batch: Batch { payload, rows, last },
                crc,
            });
        }
        SourceHeader::Accepted => FromSource::Accepted,
        SourceHeader::Refused(refusal) => FromSource::Refused(refusal.into()),
        SourceHeader::Waiting => FromSource::Waiting,
        SourceHeader::End(receipt) => FromSource::End(receipt.into()),
    };
    no_payload(payload)?;
    Ok(decoded)
}

pub(crate) fn decode_from_puller(frame: &Bytes) -> Result<FromPuller, WireError> {
    let (header, payload, _): (PullerHeader, _, _) = decode(frame)?;
    no_payload(payload)?;
    Ok(match header {
        PullerHeader::Waiting => FromPuller::Waiting,
        PullerHeader::ReceiptAccepted(receipt) => FromPuller::ReceiptAccepted(receipt.into()),
    })
}

fn encode(header: &impl Encode, payload: &PayloadCrc) -> Result<Bytes, WireError> {
    encode_in(&mut BytesMut::with_capacity(HEADER_BYTES_USUAL), header, payload)
}

fn encode_in(room: &mut BytesMut, header: &impl Encode, payload: &PayloadCrc) -> Result<Bytes, WireError> {
    // What an encoding that failed has left is no header's begin.
    room.clear();
    bincode::encode_into_std_write(header, &mut room.writer(), bincode::config::standard())
        .map_err(|_| WireError::Malformed)?;
    let crc = payload.after(crc32c::crc32c(room));
    room.put_u32_le(crc);
    Ok(room.split().freeze())
}

/// Where the header of a frame ends, and the checksum behind it.
struct Opened {
    /// Bytes of the header and its checksum.
    len: usize,
    crc: u32,
}

impl Opened {
    /// The CRC of the payload, if the checksum is that of the header in `head` and this payload.
    fn check(&self, head: &[u8], payload: &[u8]) -> Result<PayloadCrc, WireError> {
        let header = head.get(..self.len - CRC_BYTES).ok_or(WireError::Malformed)?;
        let crc = PayloadCrc::of(payload);
        if crc.after(crc32c::crc32c(header)) == self.crc {
            Ok(crc)
        } else {
            Err(WireError::Checksum)
        }
    }
}

/// The header that a frame begins with, unchecked.
fn open<'a, H: BorrowDecode<'a, ()>>(frame: &'a [u8]) -> Result<(H, Opened), WireError> {
    let config = bincode::config::standard().with_limit::<HEADER_BYTES_MAX>();
    let (header, consumed) =
        bincode::borrow_decode_from_slice(frame, config).map_err(|_| WireError::Malformed)?;
    let rest = frame.get(consumed..).ok_or(WireError::Malformed)?;
    let (crc, _) = rest
        .split_first_chunk::<CRC_BYTES>()
        .ok_or(WireError::Malformed)?;
    let opened = Opened {
        len: consumed + CRC_BYTES,
        crc: u32::from_le_bytes(*crc),
    };
    Ok((header, opened))
}

/// The header of a frame, what follows it, and the CRC of what follows.
fn decode<'a, H: BorrowDecode<'a, ()>>(frame: &'a Bytes) -> Result<(H, Bytes, PayloadCrc), WireError> {
    let (header, opened) = open(frame)?;
    let payload = frame.slice(opened.len..);
    let crc = opened.check(frame, &payload)?;
    Ok((header, payload, crc))
}

/// Only a batch has anything after its header.
fn no_payload(rest: Bytes) -> Result<(), WireError> {
    if rest.is_empty() {
        Ok(())
    } else {
        Err(WireError::Malformed)
    }
}

fn check_position(key: &[u8]) -> Result<(), WireError> {
    let (len, max) = (key.len(), POSITION_BYTES_MAX);
    if len <= max {
        Ok(())
    } else {
        Err(WireError::TooLarge {
            what: "a position",
            len,
            max,
        })
    }
}

#[cfg(test)]
mod tests;
