//! Rows of tests, and how they are encoded.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tidegate_streaming::{Batch, Position};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) key: Bytes,
    pub(crate) timestamp: u64,
    pub(crate) value: Bytes,
}

pub(crate) fn row(key: &str, timestamp: u64, value: &str) -> Row {
    Row {
        key: Bytes::copy_from_slice(key.as_bytes()),
        timestamp,
        value: Bytes::copy_from_slice(value.as_bytes()),
    }
}

/// `count` rows with values of `value_len` bytes, in the order of their keys.
pub(crate) fn rows(count: usize, value_len: usize) -> Vec<Row> {
    let value = Bytes::from(vec![7; value_len]);
    (0..count)
        .map(|number| Row {
            key: format!("key-{number:06}").into(),
            timestamp: 1,
            value: value.clone(),
        })
        .collect()
}

pub(crate) fn encode(rows: &[Row]) -> Option<Batch> {
    let last = Position(rows.last()?.key.clone());
    let mut payload = BytesMut::new();
    for row in rows {
        payload.put_u32(row.key.len() as u32);
        payload.put_u32(row.value.len() as u32);
        payload.put_u64(row.timestamp);
        payload.put_slice(&row.key);
        payload.put_slice(&row.value);
    }
    Some(Batch {
        payload: payload.freeze(),
        rows: rows.len() as u32,
        last,
    })
}

pub(crate) fn decode(batch: &Batch) -> Option<Vec<Row>> {
    let mut payload = batch.payload.clone();
    let mut rows = Vec::new();
    while payload.has_remaining() {
        if payload.len() < 16 {
            return None;
        }
        let (key_len, value_len) = (payload.get_u32() as usize, payload.get_u32() as usize);
        let timestamp = payload.get_u64();
        if payload.len() < key_len.checked_add(value_len)? {
            return None;
        }
        rows.push(Row {
            key: payload.split_to(key_len),
            timestamp,
            value: payload.split_to(value_len),
        });
    }
    (rows.len() == batch.rows as usize).then_some(rows)
}
