//! What requests and answers look like on the wire: the only module that knows.
//!
//! A message is the length of its header (`u16`), the header (bincode, with a limit, to the last byte), and a raw
//! body: keys, rows, or timestamps.

mod body;
mod header;

#[cfg(test)]
mod tests;

use bytes::{BufMut, Bytes, BytesMut};
use thiserror::Error;
use tidegate_guard::SessionId;
use tidegate_tablets::{Epoch, TabletId};

use self::body::{decode_keys, decode_latest, encode_keys, encode_latest};
use self::header::{AnswerHeader, RequestHeader, join, split};
use crate::row_batch::share_rows_up_to;
use crate::{DecodeError, Row, RowBatchBuilder, RowRef, RowTooLong, Timestamp};

/// What is no message of this version.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum WireError {
    #[error("the header is not one of this version")]
    Header,
    #[error("the body cannot be decoded")]
    Body(#[from] DecodeError),
}

/// What one node asks of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    /// The rows of these keys.
    Read {
        tablet: TabletId,
        epoch: Epoch,
        keys: Vec<Bytes>,
    },
    /// When the rows of these keys were written.
    Latest {
        tablet: TabletId,
        epoch: Epoch,
        keys: Vec<Bytes>,
    },
    /// Merge these rows.
    Write {
        tablet: TabletId,
        epoch: Epoch,
        rows: Vec<Row>,
    },
    /// Tombstones up to `floor`, in order of their keys, from just after `after`.
    Tombstones {
        tablet: TabletId,
        session: SessionId,
        floor: u64,
        after: Option<Bytes>,
    },
}

/// What the other answers. Rows may come in several answers, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The rows there are.
    Rows { clock: u64, rows: Vec<Row> },
    /// In order of the keys.
    Latest {
        clock: u64,
        latest: Vec<Option<Timestamp>>,
    },
    /// Merged, and durable.
    Written { clock: u64 },
    /// Not done.
    Refused(Refusal),
}

/// Why a replica did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Refusal {
    #[error("the request is of an older epoch; epoch {wanted} is wanted")]
    Stale { wanted: Epoch },
    #[error("the node is no replica of the tablet")]
    NotReplica,
    #[error("the node's metadata is behind the request's")]
    Behind,
    #[error("the node is not running")]
    NotRunning,
    #[error("the node knows of no such purge")]
    NotPurging,
    #[error("the node's disk is full")]
    DiskFull,
    #[error("the node failed: {0}")]
    Failed(String),
}

/// A question about keys, without copies of them.
pub(crate) fn encode_keys_request<'a>(
    values: bool,
    (tablet, epoch): (TabletId, Epoch),
    keys: impl ExactSizeIterator<Item = &'a Bytes> + Clone,
) -> Result<Bytes, RowTooLong> {
    let (tablet, epoch) = (tablet.as_u64(), epoch.as_u64());
    let header = match values {
        true => RequestHeader::Read { tablet, epoch },
        false => RequestHeader::Latest { tablet, epoch },
    };
    let bytes: usize = keys.clone().map(|key| key.len() + 4).sum();
    let mut message = join(&header, bytes + 4);
    encode_keys(&mut message, keys)?;
    Ok(message.freeze())
}

/// A write, with one copy of the rows.
pub(crate) fn encode_write<'a>(
    (tablet, epoch): (TabletId, Epoch),
    rows: impl Iterator<Item = RowRef<'a>> + Clone,
) -> Result<Bytes, RowTooLong> {
    let header = RequestHeader::Write {
        tablet: tablet.as_u64(),
        epoch: epoch.as_u64(),
    };
    let bytes: usize = rows.clone().map(|row| row.encoded_len()).sum();
    encode_batch(join(&header, bytes + 4), rows)
}

/// A question for tombstones.
pub(crate) fn encode_tombstones(
    tablet: TabletId,
    session: SessionId,
    floor: u64,
    after: Option<&Bytes>,
) -> Bytes {
    let header = RequestHeader::Tombstones {
        tablet: tablet.as_u64(),
        session: session.as_u128(),
        floor,
        from_start: after.is_none(),
    };
    let after = after.map_or(&[][..], Bytes::as_ref);
    let mut message = join(&header, after.len());
    message.put_slice(after);
    message.freeze()
}

impl Request {
    /// From a message of at most `entries_max` keys or rows, which share its buffer.
    pub(crate) fn decode(message: &Bytes, entries_max: usize) -> Result<Self, WireError> {
        let (header, body) = split(message)?;
        Ok(match header {
            RequestHeader::Read { tablet, epoch } => Self::Read {
                tablet: TabletId::new(tablet),
                epoch: Epoch::new(epoch),
                keys: decode_keys(&body, entries_max)?,
            },
            RequestHeader::Latest { tablet, epoch } => Self::Latest {
                tablet: TabletId::new(tablet),
                epoch: Epoch::new(epoch),
                keys: decode_keys(&body, entries_max)?,
            },
            RequestHeader::Write { tablet, epoch } => Self::Write {
                tablet: TabletId::new(tablet),
                epoch: Epoch::new(epoch),
                rows: share_rows_up_to(&body, entries_max)?,
            },
            RequestHeader::Tombstones {
                tablet,
                session,
                floor,
                from_start,
            } => Self::Tombstones {
                tablet: TabletId::new(tablet),
                session: SessionId::from_u128(session).map_err(|_| WireError::Header)?,
                floor,
                after: match (from_start, body.len()) {
                    (true, 0) => None,
                    (true, len) => return Err(DecodeError::Trailing { len }.into()),
                    (false, _) => Some(body),
                },
            },
        })
    }
}

impl Answer {
    /// How many rows or timestamps it has.
    pub(crate) fn entries(&self) -> usize {
        match self {
            Self::Rows { rows, .. } => rows.len(),
            Self::Latest { latest, .. } => latest.len(),
            Self::Written { .. } | Self::Refused(_) => 0,
        }
    }

    /// Into a message.
    pub(crate) fn encode(&self) -> Result<Bytes, RowTooLong> {
        Ok(match self {
            Self::Rows { clock, rows } => return encode_rows_answer(*clock, rows),
            Self::Latest { clock, latest } => {
                let mut message = join(&AnswerHeader::Latest { clock: *clock }, latest.len() * 25);
                encode_latest(&mut message, latest);
                message.freeze()
            }
            Self::Written { clock } => join(&AnswerHeader::Written { clock: *clock }, 0).freeze(),
            Self::Refused(refusal) => encode_refusal(refusal),
        })
    }

    /// From a message of at most `entries_max` rows, which share its buffer, or timestamps.
    pub(crate) fn decode(message: &Bytes, entries_max: usize) -> Result<Self, WireError> {
        let (header, body) = split(message)?;
        let refusal = match header {
            AnswerHeader::Rows { clock } => {
                return Ok(Self::Rows {
                    clock,
                    rows: share_rows_up_to(&body, entries_max)?,
                });
            }
            AnswerHeader::Latest { clock } => {
                return Ok(Self::Latest {
                    clock,
                    latest: decode_latest(&body, entries_max)?,
                });
            }
            AnswerHeader::Failed => Refusal::Failed(String::from_utf8_lossy(&body).into_owned()),
            _ if !body.is_empty() => return Err(DecodeError::Trailing { len: body.len() }.into()),
            AnswerHeader::Written { clock } => return Ok(Self::Written { clock }),
            AnswerHeader::Stale { wanted } => Refusal::Stale {
                wanted: Epoch::new(wanted),
            },
            AnswerHeader::NotReplica => Refusal::NotReplica,
            AnswerHeader::Behind => Refusal::Behind,
            AnswerHeader::NotRunning => Refusal::NotRunning,
            AnswerHeader::NotPurging => Refusal::NotPurging,
            AnswerHeader::DiskFull => Refusal::DiskFull,
        };
        Ok(Self::Refused(refusal))
    }
}

/// Rows as an answer, with one copy of them.
pub(crate) fn encode_rows_answer(clock: u64, rows: &[Row]) -> Result<Bytes, RowTooLong> {
    let bytes: usize = rows.iter().map(|row| RowRef::from(row).encoded_len()).sum();
    encode_batch(
        join(&AnswerHeader::Rows { clock }, bytes + 4),
        rows.iter().map(RowRef::from),
    )
}

fn encode_batch<'a>(message: BytesMut, rows: impl Iterator<Item = RowRef<'a>>) -> Result<Bytes, RowTooLong> {
    let mut batch = RowBatchBuilder::behind(message);
    for row in rows {
        batch.push(row)?;
    }
    Ok(batch.finish())
}

fn encode_refusal(refusal: &Refusal) -> Bytes {
    let header = match refusal {
        Refusal::Stale { wanted } => AnswerHeader::Stale {
            wanted: wanted.as_u64(),
        },
        Refusal::NotReplica => AnswerHeader::NotReplica,
        Refusal::Behind => AnswerHeader::Behind,
        Refusal::NotRunning => AnswerHeader::NotRunning,
        Refusal::NotPurging => AnswerHeader::NotPurging,
        Refusal::DiskFull => AnswerHeader::DiskFull,
        Refusal::Failed(_) => AnswerHeader::Failed,
    };
    let mut message = join(&header, 0);
    if let Refusal::Failed(text) = refusal {
        message.put_slice(&text.as_bytes()[..text.len().min(TEXT_MAX)]);
    }
    message.freeze()
}

/// The most bytes of a failure's text.
const TEXT_MAX: usize = 512;
