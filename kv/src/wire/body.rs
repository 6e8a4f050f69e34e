//! Raw bodies: keys and timestamps. Rows have a module of their own.

use bytes::{BufMut, Bytes, BytesMut};

use crate::{DecodeError, RowTooLong, Timestamp};

/// Keys: how many (`u32`), then each with its length (`u32`) in front.
pub(super) fn encode_keys<'a>(
    message: &mut BytesMut,
    keys: impl ExactSizeIterator<Item = &'a Bytes>,
) -> Result<(), RowTooLong> {
    let length = |len: usize| u32::try_from(len).map_err(|_| RowTooLong { len });
    message.put_u32_le(length(keys.len())?);
    for key in keys {
        message.put_u32_le(length(key.len())?);
        message.put_slice(key);
    }
    Ok(())
}

/// Keys that share the body's buffer. What the count announces must be there: each key takes four bytes or more.
pub(super) fn decode_keys(body: &Bytes, keys_max: usize) -> Result<Vec<Bytes>, DecodeError> {
    let (count, mut rest) = body.split_first_chunk().ok_or(DecodeError::Truncated)?;
    let count = u32::from_le_bytes(*count) as usize;
    if count > rest.len() / 4 {
        return Err(DecodeError::Truncated);
    }
    if count > keys_max {
        return Err(DecodeError::TooMany { count, max: keys_max });
    }
    let mut keys = Vec::with_capacity(count);
    for _ in 0..count {
        let (len, tail) = rest.split_first_chunk().ok_or(DecodeError::Truncated)?;
        let len = u32::from_le_bytes(*len) as usize;
        let (key, tail) = tail.split_at_checked(len).ok_or(DecodeError::Truncated)?;
        keys.push(body.slice_ref(key));
        rest = tail;
    }
    if rest.is_empty() {
        Ok(keys)
    } else {
        Err(DecodeError::Trailing { len: rest.len() })
    }
}

/// Timestamps: a flag each (0 none, 1 one), then time, node and start (`u64` each) where there is one.
pub(super) fn encode_latest(message: &mut BytesMut, latest: &[Option<Timestamp>]) {
    for timestamp in latest {
        message.put_u8(u8::from(timestamp.is_some()));
        if let Some(timestamp) = timestamp {
            message.put_u64_le(timestamp.time);
            message.put_u64_le(timestamp.node);
            message.put_u64_le(timestamp.start);
        }
    }
}

/// In memory one without a timestamp takes many times the byte that it has here, so they must be no more than asked for.
pub(super) fn decode_latest(
    mut body: &[u8],
    latest_max: usize,
) -> Result<Vec<Option<Timestamp>>, DecodeError> {
    let mut latest = Vec::with_capacity(latest_max.min(body.len()));
    while let Some((flag, rest)) = body.split_first() {
        if latest.len() == latest_max {
            return Err(DecodeError::TooMany {
                count: latest_max + 1,
                max: latest_max,
            });
        }
        body = rest;
        latest.push(match flag {
            0 => None,
            1 => Some(decode_timestamp(&mut body)?),
            flag => return Err(DecodeError::Flag(*flag)),
        });
    }
    Ok(latest)
}

fn decode_timestamp(body: &mut &[u8]) -> Result<Timestamp, DecodeError> {
    let mut number = || {
        let (number, rest) = body.split_first_chunk().ok_or(DecodeError::Truncated)?;
        *body = rest;
        Ok(u64::from_le_bytes(*number))
    };
    Ok(Timestamp {
        time: number()?,
        node: number()?,
        start: number()?,
    })
}
