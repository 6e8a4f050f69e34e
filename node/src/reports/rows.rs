//! Pages of a tablet's rows, as this node's engine holds them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tidegate_kv::{Row, RowStore};
use tidegate_streaming::EngineError;
use tidegate_tablets::TabletId;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::Key;

/// Rows that one answer tells of, at most.
const ROWS_MAX: u32 = 16_384;

/// Bytes of keys in one answer.
const KEY_BYTES_MAX: usize = 1 << 20;

/// Rows and bytes that are read from the engine at a time.
const PAGE_ROWS: usize = 512;
const PAGE_BYTES: usize = 1 << 20;

/// How long one answer reads; it then tells how far it came.
const READ_FOR: Duration = Duration::from_secs(3);

/// A range of a tablet's rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RangeAsk {
    pub(crate) tablet: u64,
    /// From just after this key.
    pub(crate) after: Option<Key>,
    /// Up to this key, which is in it.
    pub(crate) until: Option<Key>,
    /// Rows at most.
    pub(crate) rows_max: u32,
}

/// What a range holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RangeDigest {
    /// Rows that are no tombstones.
    pub(crate) rows: u64,
    pub(crate) tombstones: u64,
    /// Bytes of keys and values.
    pub(crate) bytes: u64,
    /// Of the rows, one after the other.
    pub(crate) digest: u64,
    /// How far it was read, where that is not to the range's end.
    pub(crate) stopped_at: Option<Key>,
}

/// What tells a row from another of the same key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RowSeen {
    pub(crate) key: Key,
    pub(crate) time: u64,
    pub(crate) node: u64,
    pub(crate) start: u64,
    pub(crate) tombstone: bool,
    /// Of the value.
    pub(crate) digest: u64,
}

/// The rows of a range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeysPage {
    pub(crate) rows: Vec<RowSeen>,
    /// How far it was read, where that is not to the range's end.
    pub(crate) stopped_at: Option<Key>,
}

pub(super) async fn digest(store: &Arc<dyn RowStore>, ask: &RangeAsk) -> Result<RangeDigest, EngineError> {
    let mut told = RangeDigest {
        rows: 0,
        tombstones: 0,
        bytes: 0,
        digest: 0,
        stopped_at: None,
    };
    let mut hasher = Xxh3::new();
    let stopped_at = read(store, ask, |row| {
        match &row.value {
            Some(_) => told.rows += 1,
            None => told.tombstones += 1,
        }
        told.bytes += row.bytes();
        take_in(&mut hasher, row);
        0
    });
    told.stopped_at = stopped_at.await?;
    told.digest = hasher.digest();
    Ok(told)
}

pub(super) async fn keys(store: &Arc<dyn RowStore>, ask: &RangeAsk) -> Result<KeysPage, EngineError> {
    let mut rows = Vec::new();
    let stopped_at = read(store, ask, |row| {
        rows.push(seen(row));
        row.key.len() + 64
    })
    .await?;
    Ok(KeysPage { rows, stopped_at })
}

pub(super) async fn seen_of(
    store: &Arc<dyn RowStore>,
    tablet: TabletId,
    keys: &[Key],
) -> Result<Vec<Option<RowSeen>>, EngineError> {
    let keys = keys.iter().map(|key| key.0.clone()).collect();
    let rows = store.read(tablet, keys).await?;
    Ok(rows.iter().map(|row| row.as_ref().map(seen)).collect())
}

/// Reads a range; answers how far it came, where that is not to the range's end. `each` tells the bytes it takes.
async fn read(
    store: &Arc<dyn RowStore>,
    ask: &RangeAsk,
    mut each: impl FnMut(&Row) -> usize + Send,
) -> Result<Option<Key>, EngineError> {
    let tablet = TabletId::new(ask.tablet);
    let until = Instant::now() + READ_FOR;
    let mut left = ask.rows_max.clamp(1, ROWS_MAX) as usize;
    let mut room = KEY_BYTES_MAX;
    let mut after = ask.after.clone().map(|key| key.0);
    loop {
        let page = store
            .scan(tablet, after.clone(), left.min(PAGE_ROWS), PAGE_BYTES)
            .await?;
        let Some(last) = page.last().map(|row| row.key.clone()) else {
            return Ok(None);
        };
        for row in &page {
            if ask.until.as_ref().is_some_and(|until| row.key > until.0) {
                return Ok(None);
            }
            room = room.saturating_sub(each(row));
            left -= 1;
            if ask.until.as_ref().is_some_and(|until| row.key == until.0) {
                return Ok(None);
            }
            if room == 0 {
                return Ok(Some(Key(row.key.clone())));
            }
        }
        if left == 0 || Instant::now() >= until {
            return Ok(Some(Key(last)));
        }
        after = Some(last);
    }
}

fn take_in(hasher: &mut Xxh3, row: &Row) {
    let mut number = |number: u64| hasher.update(&number.to_le_bytes());
    number(row.key.len() as u64);
    number(row.timestamp.time);
    number(row.timestamp.node);
    number(row.timestamp.start);
    number(row.value.as_ref().map_or(u64::MAX, |value| value.len() as u64));
    hasher.update(&row.key);
    if let Some(value) = &row.value {
        hasher.update(value);
    }
}

fn seen(row: &Row) -> RowSeen {
    RowSeen {
        key: Key(row.key.clone()),
        time: row.timestamp.time,
        node: row.timestamp.node,
        start: row.timestamp.start,
        tombstone: row.value.is_none(),
        digest: row.value.as_ref().map_or(0, |value| xxh3_64(value)),
    }
}

#[cfg(test)]
mod tests;
