//! What a memory engine holds.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use rpds::RedBlackTreeMapSync;
use tidegate_guard::{SessionId, SharedGuard};
use tidegate_streaming::{EngineError, Position, UnitId};
use tidegate_transport::PeerId;

use crate::{Row, RowRef, Timestamp};

/// What is kept under a key.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) timestamp: Timestamp,
    pub(super) value: Option<Bytes>,
}

/// The rows of a tablet, in order of their keys. A clone is a snapshot, and shares everything.
pub(super) type Rows = RedBlackTreeMapSync<Bytes, Held>;

/// The rows just after `after`, in order.
pub(super) fn rows_after<'a>(
    rows: &'a Rows,
    after: Option<&'a [u8]>,
) -> impl Iterator<Item = (&'a Bytes, &'a Held)> {
    let start = after.map_or(Bound::Unbounded, Bound::Excluded);
    rows.range::<[u8], _>((start, Bound::Unbounded))
}

/// A staging area.
#[derive(Debug, Default)]
pub(super) struct Area {
    /// Tells this area from an earlier one of the same name.
    pub(super) number: u64,
    pub(super) rows: Rows,
    pub(super) positions: BTreeMap<PeerId, Position>,
    pub(super) attached: bool,
}

/// All that an engine holds.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) tablets: BTreeMap<UnitId, Rows>,
    pub(super) areas: BTreeMap<(UnitId, SessionId), Area>,
    /// Bytes of all keys and values, staged ones counted.
    pub(super) bytes: u64,
    /// The number of the area made last.
    pub(super) areas_made: u64,
}

impl Held {
    fn bytes(&self, key: &[u8]) -> u64 {
        (key.len() + self.value.as_ref().map_or(0, Bytes::len)) as u64
    }

    pub(super) fn to_row(&self, key: &Bytes) -> Row {
        Row {
            key: key.clone(),
            timestamp: self.timestamp,
            value: self.value.clone(),
        }
    }

    pub(super) fn row_ref<'a>(&'a self, key: &'a [u8]) -> RowRef<'a> {
        RowRef {
            key,
            timestamp: self.timestamp,
            value: self.value.as_deref(),
        }
    }
}

impl State {
    /// Merges rows into those of a tablet, if the guard and the quota allow it.
    pub(super) fn write(
        &mut self,
        unit: UnitId,
        guard: &SharedGuard,
        rows: Vec<(Bytes, Held)>,
        quota: Option<u64>,
    ) -> Result<(), EngineError> {
        let mut merged = self.tablets.get(&unit).cloned().unwrap_or_default();
        let bytes = merge(&mut merged, self.bytes, rows);
        within(quota, self.bytes, bytes)?;
        guard.check()?;
        self.bytes = bytes;
        if !merged.is_empty() {
            self.tablets.insert(unit, merged);
        }
        Ok(())
    }

    /// Merges rows into a staging area, if the guard and the quota allow it, and moves the position.
    pub(super) fn stage(
        &mut self,
        (name, number): ((UnitId, SessionId), u64),
        guard: &SharedGuard,
        (source, position): (PeerId, Position),
        rows: Vec<(Bytes, Held)>,
        quota: Option<u64>,
    ) -> Result<(), EngineError> {
        let before = self.bytes;
        let area = self.area(name, number)?;
        guard.check()?;
        if area.attached {
            return Ok(());
        }
        let mut merged = area.rows.clone();
        let bytes = merge(&mut merged, before, rows);
        within(quota, before, bytes)?;
        area.rows = merged;
        let held = area.positions.entry(source).or_insert_with(|| position.clone());
        *held = position.max(held.clone());
        self.bytes = bytes;
        Ok(())
    }

    /// Makes the rows of a staging area rows of the tablet, once.
    pub(super) fn attach(
        &mut self,
        name: (UnitId, SessionId),
        number: u64,
        guard: &SharedGuard,
    ) -> Result<(), EngineError> {
        let area = self.area(name, number)?;
        guard.check()?;
        if area.attached {
            return Ok(());
        }
        area.attached = true;
        let staged = std::mem::take(&mut area.rows);
        self.bytes -= bytes_of(&staged);
        let rows = staged
            .iter()
            .map(|(key, held)| (key.clone(), held.clone()))
            .collect::<Vec<_>>();
        let mut merged = self.tablets.remove(&name.0).unwrap_or_default();
        self.bytes = merge(&mut merged, self.bytes, rows);
        if !merged.is_empty() {
            self.tablets.insert(name.0, merged);
        }
        Ok(())
    }

    /// The area of that name, if it is still the one that had that number.
    pub(super) fn area(&mut self, name: (UnitId, SessionId), number: u64) -> Result<&mut Area, EngineError> {
        self.areas
            .get_mut(&name)
            .filter(|area| area.number == number)
            .ok_or(EngineError::Gone)
    }

    /// Drops tombstones up to `floor`; answers how many.
    pub(super) fn purge(&mut self, unit: UnitId, floor: u64) -> u64 {
        let Some(rows) = self.tablets.get_mut(&unit) else {
            return 0;
        };
        let gone: Vec<Bytes> = tombstones(rows, floor, None)
            .map(|(key, _)| key.clone())
            .collect();
        for key in &gone {
            rows.remove_mut(key);
            self.bytes -= key.len() as u64;
        }
        if rows.is_empty() {
            self.tablets.remove(&unit);
        }
        gone.len() as u64
    }

    /// Drops everything of a tablet; answers how many staging areas went.
    pub(super) fn remove(&mut self, unit: UnitId) -> usize {
        let rows = self.tablets.remove(&unit).unwrap_or_default();
        self.bytes -= bytes_of(&rows);
        let names: Vec<_> = self.areas.keys().filter(|(of, _)| *of == unit).copied().collect();
        names
            .into_iter()
            .filter(|(_, session)| self.discard(unit, *session))
            .count()
    }

    /// Drops a staging area; answers whether there was one.
    pub(super) fn discard(&mut self, unit: UnitId, session: SessionId) -> bool {
        let Some(area) = self.areas.remove(&(unit, session)) else {
            return false;
        };
        self.bytes -= bytes_of(&area.rows);
        true
    }
}

/// The tombstones up to `floor`, in order of their keys, from just after `after`.
pub(super) fn tombstones<'a>(
    rows: &'a Rows,
    floor: u64,
    after: Option<&'a [u8]>,
) -> impl Iterator<Item = (&'a Bytes, &'a Held)> {
    rows_after(rows, after).filter(move |(_, held)| held.value.is_none() && held.timestamp.time <= floor)
}

/// Merges `rows` into `into`: a row that is not later than the one held changes nothing. Answers what becomes of
/// `bytes`.
fn merge(into: &mut Rows, mut bytes: u64, rows: Vec<(Bytes, Held)>) -> u64 {
    for (key, held) in rows {
        match into.get(&key) {
            Some(there) if there.timestamp >= held.timestamp => continue,
            Some(there) => bytes -= there.bytes(&key),
            None => {}
        }
        bytes += held.bytes(&key);
        into.insert_mut(key, held);
    }
    bytes
}

/// Refuses growth over the quota; what does not grow may always be done.
fn within(quota: Option<u64>, before: u64, after: u64) -> Result<(), EngineError> {
    match quota {
        Some(quota) if after > quota && after > before => Err(EngineError::DiskFull),
        _ => Ok(()),
    }
}

fn bytes_of(rows: &Rows) -> u64 {
    rows.iter().map(|(key, held)| held.bytes(key)).sum()
}
