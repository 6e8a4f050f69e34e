//! Rows in one buffer, each with its lengths in front: how they travel, in requests and in streams.
//!
//! All numbers are little-endian. A batch is the number of rows (`u32`), then each row: length of the key (`u32`),
//! length of the value (`u32`, [`TOMBSTONE`] for a tombstone), time, node, start (`u64` each), key, value. Rows
//! are read where they lie: a buffer per row would cost four times as much.

use std::iter::FusedIterator;

use bytes::{BufMut, Bytes, BytesMut};
use thiserror::Error;

use crate::{Row, Timestamp};

/// Bytes in front of the first row.
const BATCH_HEADER: usize = 4;
/// Bytes in front of each key.
const ROW_HEADER: usize = 32;
/// The length that says: no value, a tombstone.
const TOMBSTONE: u32 = u32::MAX;

/// What is no batch of rows: whoever sent or stored it is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end before what they announce.
    #[error("the bytes end inside what they announce")]
    Truncated,
    /// Bytes follow that nothing announced.
    #[error("{len} bytes follow the end")]
    Trailing {
        /// How many.
        len: usize,
    },
    /// More keys, rows or timestamps than the reader wants.
    #[error("{count} entries, where at most {max} are wanted")]
    TooMany {
        /// How many.
        count: usize,
        /// How many at most.
        max: usize,
    },
    /// A byte has a value that means nothing.
    #[error("a flag of unknown meaning: {0}")]
    Flag(u8),
}

/// A row that no batch can carry: its key or its value is 4 GiB or longer. Refuse it where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a key or value of {len} bytes is longer than a batch can carry")]
pub struct RowTooLong {
    /// Bytes of the key or value.
    pub len: usize,
}

/// A row that lies in a buffer of someone else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowRef<'a> {
    /// The key.
    pub key: &'a [u8],
    /// When it was written.
    pub timestamp: Timestamp,
    /// The value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
}

impl RowRef<'_> {
    /// The same row with buffers of its own.
    #[must_use]
    pub fn to_row(&self) -> Row {
        Row {
            key: Bytes::copy_from_slice(self.key),
            timestamp: self.timestamp,
            value: self.value.map(Bytes::copy_from_slice),
        }
    }

    /// Bytes that the row takes in a batch.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        ROW_HEADER + self.key.len() + self.value.map_or(0, <[u8]>::len)
    }
}

impl<'a> From<&'a Row> for RowRef<'a> {
    fn from(row: &'a Row) -> Self {
        Self {
            key: &row.key,
            timestamp: row.timestamp,
            value: row.value.as_deref(),
        }
    }
}

/// Puts rows into one buffer.
#[derive(Debug)]
pub struct RowBatchBuilder {
    buffer: BytesMut,
    /// Where the batch begins in the buffer.
    at: usize,
    rows: u32,
}

impl RowBatchBuilder {
    /// A builder with room for about `bytes`; it grows when more comes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self::behind(BytesMut::with_capacity(bytes.saturating_add(BATCH_HEADER)))
    }

    /// A builder that puts its rows behind what is in `buffer`.
    pub(crate) fn behind(mut buffer: BytesMut) -> Self {
        let at = buffer.len();
        buffer.put_u32_le(0);
        Self { buffer, at, rows: 0 }
    }

    /// Appends a row.
    ///
    /// # Errors
    ///
    /// [`RowTooLong`]; the builder is as before.
    pub fn push(&mut self, row: RowRef<'_>) -> Result<(), RowTooLong> {
        let key_len = length(row.key)?;
        let value_len = row.value.map_or(Ok(TOMBSTONE), length)?;
        self.buffer.reserve(row.encoded_len());
        self.buffer.put_u32_le(key_len);
        self.buffer.put_u32_le(value_len);
        self.buffer.put_u64_le(row.timestamp.time);
        self.buffer.put_u64_le(row.timestamp.node);
        self.buffer.put_u64_le(row.timestamp.start);
        self.buffer.put_slice(row.key);
        if let Some(value) = row.value {
            self.buffer.put_slice(value);
        }
        self.rows += 1;
        Ok(())
    }

    /// How many rows are in it.
    #[must_use]
    pub const fn rows(&self) -> u32 {
        self.rows
    }

    /// How many bytes the batch has now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buffer.len() - self.at
    }

    /// Whether no row is in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The batch.
    #[must_use]
    pub fn finish(mut self) -> Bytes {
        self.buffer[self.at..self.at + BATCH_HEADER].copy_from_slice(&self.rows.to_le_bytes());
        self.buffer.freeze()
    }
}

fn length(bytes: &[u8]) -> Result<u32, RowTooLong> {
    match u32::try_from(bytes.len()) {
        Ok(len) if len != TOMBSTONE => Ok(len),
        _ => Err(RowTooLong { len: bytes.len() }),
    }
}

/// Puts rows into one buffer of exactly their size.
///
/// # Errors
///
/// [`RowTooLong`].
pub fn encode_rows<'a>(rows: impl IntoIterator<Item = &'a Row> + Clone) -> Result<Bytes, RowTooLong> {
    let bytes = rows
        .clone()
        .into_iter()
        .map(|row| RowRef::from(row).encoded_len())
        .sum();
    let mut builder = RowBatchBuilder::with_capacity(bytes);
    for row in rows {
        builder.push(row.into())?;
    }
    Ok(builder.finish())
}

/// The rows of a batch, read where they lie. The whole batch is looked at before the first row is given, so what
/// comes after is sound; nothing is allocated.
///
/// # Errors
///
/// [`DecodeError`].
pub fn decode_rows(batch: &[u8]) -> Result<RowIter<'_>, DecodeError> {
    let (count, mut rest) = batch.split_first_chunk().ok_or(DecodeError::Truncated)?;
    let rows = RowIter {
        rest,
        left: u32::from_le_bytes(*count),
    };
    for _ in 0..rows.left {
        (_, rest) = split_row(rest).ok_or(DecodeError::Truncated)?;
    }
    if rest.is_empty() {
        Ok(rows)
    } else {
        Err(DecodeError::Trailing { len: rest.len() })
    }
}

/// The rows of a batch as owned rows that share its buffer: nothing is copied, and the buffer lives as long as
/// any of them.
///
/// # Errors
///
/// [`DecodeError`].
pub fn share_rows(batch: &Bytes) -> Result<Vec<Row>, DecodeError> {
    share_rows_up_to(batch, usize::MAX)
}

/// The same, of a batch of at most `rows_max` rows; a longer one costs nothing.
pub(crate) fn share_rows_up_to(batch: &Bytes, rows_max: usize) -> Result<Vec<Row>, DecodeError> {
    let rows = decode_rows(batch)?;
    if rows.len() > rows_max {
        return Err(DecodeError::TooMany {
            count: rows.len(),
            max: rows_max,
        });
    }
    Ok(rows
        .map(|row| Row {
            key: batch.slice_ref(row.key),
            timestamp: row.timestamp,
            value: row.value.map(|value| batch.slice_ref(value)),
        })
        .collect())
}

/// The rows of a sound batch, see [`decode_rows`].
#[derive(Debug, Clone)]
pub struct RowIter<'a> {
    rest: &'a [u8],
    left: u32,
}

impl<'a> Iterator for RowIter<'a> {
    type Item = RowRef<'a>;

    fn next(&mut self) -> Option<RowRef<'a>> {
        self.left = self.left.checked_sub(1)?;
        let (row, rest) = split_row(self.rest)?;
        self.rest = rest;
        Some(row)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl ExactSizeIterator for RowIter<'_> {}
impl FusedIterator for RowIter<'_> {}

fn split_row(bytes: &[u8]) -> Option<(RowRef<'_>, &[u8])> {
    let (key_len, rest) = bytes.split_first_chunk()?;
    let (value_len, rest) = rest.split_first_chunk()?;
    let (time, rest) = rest.split_first_chunk()?;
    let (node, rest) = rest.split_first_chunk()?;
    let (start, rest) = rest.split_first_chunk()?;
    let timestamp = Timestamp {
        time: u64::from_le_bytes(*time),
        node: u64::from_le_bytes(*node),
        start: u64::from_le_bytes(*start),
    };
    let (key, rest) = rest.split_at_checked(u32::from_le_bytes(*key_len) as usize)?;
    let (value, rest) = match u32::from_le_bytes(*value_len) {
        TOMBSTONE => (None, rest),
        len => {
            let (value, rest) = rest.split_at_checked(len as usize)?;
            (Some(value), rest)
        }
    };
    Some((
        RowRef {
            key,
            timestamp,
            value,
        },
        rest,
    ))
}

#[cfg(test)]
mod tests;
