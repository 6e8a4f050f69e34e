//! Merging rows into a tablet.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use tidegate_kv::{Row, RowRef, StoredValue};
use tidegate_streaming::EngineError;

use crate::committer::{Durability, Turn};
use crate::error::{engine_error, failed};
use crate::record::{LATEST_KEY, row_key};
use crate::store::Store;
use crate::tablet::{Tablet, decode};

/// Rows by their stored key, the latest of each.
pub(crate) type RowsByKey = BTreeMap<Vec<u8>, Row>;

/// Of several rows of one key the latest; [`EngineError::Failed`] if a key is too long to be stored.
pub(crate) fn by_key(rows: Vec<Row>) -> Result<RowsByKey, EngineError> {
    let mut latest = RowsByKey::new();
    for row in rows {
        let key = row_key(&row.key).map_err(failed)?;
        match latest.get(&key) {
            Some(held) if held.timestamp >= row.timestamp => {}
            _ => drop(latest.insert(key, row)),
        }
    }
    Ok(latest)
}

impl Store {
    /// Merges rows into a tablet.
    pub(crate) fn write(
        &self,
        id: u64,
        rows: RowsByKey,
        turn: &Turn<'_>,
    ) -> Result<((), Durability), EngineError> {
        turn.check()?;
        let tablet = self.tablet_or_new(id);
        let rows = later_than_held(&tablet, rows)?;
        if rows.is_empty() {
            // What is later was written by a group before this one, which is durable, or by this one, which will be.
            return Ok(((), Durability::Later));
        }
        let main = self.main_of(id, &tablet)?;
        let mut batch = self.db.batch().durability(None);
        let mut bytes = 0;
        let mut latest = self.latest.load(Ordering::Relaxed);
        for (key, row) in rows {
            let stored = StoredValue::from(RowRef::from(&row)).encode();
            bytes += (key.len() + stored.len()) as u64;
            latest = latest.max(row.timestamp.time);
            batch.insert(&main.keyspace, key, &*stored);
        }
        batch.insert(&self.meta, LATEST_KEY, latest.to_be_bytes());
        self.quota.take(bytes)?;
        // Readers who see the rows must see that they are not durable yet: so this comes first.
        tablet.state_mut().group = turn.group;
        let committed = match turn.check() {
            Ok(()) => batch.commit().map_err(engine_error),
            Err(rejected) => Err(rejected.into()),
        };
        if let Err(error) = committed {
            self.quota.give_back(bytes);
            return Err(error);
        }
        main.grow(bytes);
        self.latest.store(latest, Ordering::Relaxed);
        Ok(((), Durability::Synced))
    }
}

fn later_than_held(tablet: &Tablet, rows: RowsByKey) -> Result<RowsByKey, EngineError> {
    let mut later = RowsByKey::new();
    for (key, row) in rows {
        let is_later = match tablet.current(&key)? {
            Some(held) => row.timestamp > decode(&held)?.timestamp,
            None => true,
        };
        if is_later {
            later.insert(key, row);
        }
    }
    Ok(later)
}
