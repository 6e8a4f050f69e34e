//! What an engine holds, and what its calls do to it.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use tidegate_guard::{SessionId, SharedGuard};
use tidegate_kv::Row;
use tidegate_streaming::{EngineError, Position, UnitId};
use tidegate_tablets::TabletId;
use tidegate_transport::PeerId;

use super::area::Area;
use super::{Held, Rows, StagedArea};
use crate::event::EffectKind;

/// A staging area by its name, and which of those that had that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AreaKey {
    pub(super) name: (UnitId, SessionId),
    pub(super) number: u64,
}

/// What a call does.
#[derive(Debug)]
pub(super) enum Effect {
    Write {
        unit: UnitId,
        rows: Vec<Row>,
    },
    Stage {
        area: AreaKey,
        source: PeerId,
        rows: Vec<Row>,
        last: Position,
    },
    Sync {
        area: AreaKey,
    },
    Attach {
        area: AreaKey,
    },
    Discard {
        name: (UnitId, SessionId),
    },
    Remove {
        unit: UnitId,
    },
    Purge {
        unit: UnitId,
        floor: u64,
    },
}

impl Effect {
    pub(super) const fn kind(&self) -> EffectKind {
        match self {
            Self::Write { .. } => EffectKind::Write,
            Self::Stage { .. } => EffectKind::Stage,
            Self::Sync { .. } => EffectKind::Sync,
            Self::Attach { .. } => EffectKind::Attach,
            Self::Discard { .. } => EffectKind::Discard,
            Self::Remove { .. } => EffectKind::Remove,
            Self::Purge { .. } => EffectKind::Purge,
        }
    }

    pub(super) const fn tablet(&self) -> TabletId {
        let unit = match self {
            Self::Write { unit, .. } | Self::Remove { unit } | Self::Purge { unit, .. } => *unit,
            Self::Stage { area, .. } | Self::Sync { area } | Self::Attach { area } => area.name.0,
            Self::Discard { name } => name.0,
        };
        TabletId::new(unit.as_u64())
    }

    /// Whether it needs room.
    const fn grows(&self) -> bool {
        matches!(self, Self::Write { .. } | Self::Stage { .. })
    }
}

/// All that an engine holds. All of it is durable, but for what was staged since an area's last sync.
#[derive(Debug, Default)]
pub(super) struct State {
    tablets: BTreeMap<UnitId, Rows>,
    areas: BTreeMap<(UnitId, SessionId), Area>,
    areas_made: u64,
}

impl State {
    /// Does what a call does, in one step for readers and for crashes, if its guard allows it. Answers how much
    /// went, for a purge.
    pub(super) fn take_effect(
        &mut self,
        effect: &Effect,
        guard: Option<&SharedGuard>,
        full: bool,
    ) -> Result<u64, EngineError> {
        if let Effect::Stage { area, .. } | Effect::Sync { area } | Effect::Attach { area } = effect {
            self.area(*area)?;
        }
        if full && effect.grows() {
            return Err(EngineError::DiskFull);
        }
        if let Some(guard) = guard {
            guard.check()?;
        }
        match effect {
            Effect::Write { unit, rows } => self.merge_into(*unit, rows),
            Effect::Stage {
                area,
                source,
                rows,
                last,
            } => {
                let area = self.area(*area)?;
                if !area.attached {
                    area.stage(rows, *source, last);
                }
            }
            Effect::Sync { area } => self.area(*area)?.sync(),
            Effect::Attach { area } => self.attach(*area)?,
            Effect::Discard { name } => {
                self.areas.remove(name);
            }
            Effect::Remove { unit } => {
                self.tablets.remove(unit);
                self.areas.retain(|(of, _), _| of != unit);
            }
            Effect::Purge { unit, floor } => return Ok(self.purge(*unit, *floor)),
        }
        Ok(0)
    }

    /// The area of that name, a new one where there is none.
    pub(super) fn open_area(&mut self, name: (UnitId, SessionId)) -> AreaKey {
        let made = &mut self.areas_made;
        let area = self.areas.entry(name).or_insert_with(|| {
            *made += 1;
            Area::new(*made)
        });
        AreaKey {
            name,
            number: area.number,
        }
    }

    /// The area, if it is still the one that had that number.
    pub(super) fn area(&mut self, key: AreaKey) -> Result<&mut Area, EngineError> {
        self.areas
            .get_mut(&key.name)
            .filter(|area| area.number == key.number)
            .ok_or(EngineError::Gone)
    }

    /// Loses what is not durable, as much of it as the dice say.
    pub(super) fn crash(&mut self, rng: &mut fastrand::Rng) {
        self.areas.retain(|_, area| area.crash(rng));
    }

    /// The rows of a tablet as they are now.
    pub(super) fn rows(&self, unit: UnitId) -> Rows {
        self.tablets.get(&unit).cloned().unwrap_or_default()
    }

    pub(super) fn staged(&self) -> Vec<(UnitId, SessionId)> {
        self.areas.keys().copied().collect()
    }

    pub(super) fn tablets(&self) -> Vec<TabletId> {
        let staged = self.areas.keys().map(|(unit, _)| unit);
        let mut tablets: Vec<_> = self.tablets.keys().chain(staged).map(tablet_of).collect();
        tablets.sort_unstable();
        tablets.dedup();
        tablets
    }

    pub(super) fn latest_time(&self) -> u64 {
        let staged = self.areas.values().map(|area| &area.now.rows);
        let rows = self.tablets.values().chain(staged).flat_map(Rows::values);
        rows.map(|row| row.timestamp.time).max().unwrap_or_default()
    }

    pub(super) fn held(&self) -> Held {
        let rows = self
            .tablets
            .iter()
            .map(|(unit, rows)| (tablet_of(unit), rows.clone()));
        let staged = self.areas.iter().map(|((unit, session), area)| {
            let staged = StagedArea {
                rows: area.now.rows.clone(),
                attached: area.attached,
            };
            ((tablet_of(unit), *session), staged)
        });
        Held {
            rows: rows.collect(),
            staged: staged.collect(),
        }
    }

    fn attach(&mut self, key: AreaKey) -> Result<(), EngineError> {
        let area = self.area(key)?;
        if area.attached {
            return Ok(());
        }
        let rows: Vec<Row> = area.attach().values().cloned().collect();
        self.merge_into(key.name.0, &rows);
        Ok(())
    }

    fn merge_into(&mut self, unit: UnitId, rows: &[Row]) {
        if !rows.is_empty() {
            merge(self.tablets.entry(unit).or_default(), rows);
        }
    }

    fn purge(&mut self, unit: UnitId, floor: u64) -> u64 {
        let Some(rows) = self.tablets.get_mut(&unit) else {
            return 0;
        };
        let gone: Vec<Bytes> = tombstones(rows, floor, None).map(|row| row.key.clone()).collect();
        for key in &gone {
            rows.remove_mut(key);
        }
        if rows.is_empty() {
            self.tablets.remove(&unit);
        }
        gone.len() as u64
    }
}

const fn tablet_of(unit: &UnitId) -> TabletId {
    TabletId::new(unit.as_u64())
}

/// Merges rows: one that is not later than the one held changes nothing.
pub(super) fn merge(into: &mut Rows, rows: &[Row]) {
    for row in rows {
        if into
            .get(&row.key)
            .is_none_or(|held| held.timestamp < row.timestamp)
        {
            into.insert_mut(row.key.clone(), row.clone());
        }
    }
}

/// The rows just after `after`, in order of their keys.
pub(super) fn rows_after<'a>(rows: &'a Rows, after: Option<&'a [u8]>) -> impl Iterator<Item = &'a Row> {
    let start = after.map_or(Bound::Unbounded, Bound::Excluded);
    rows.range::<[u8], _>((start, Bound::Unbounded))
        .map(|(_, row)| row)
}

/// The tombstones up to `floor`, in order of their keys, from just after `after`.
pub(super) fn tombstones<'a>(
    rows: &'a Rows,
    floor: u64,
    after: Option<&'a [u8]>,
) -> impl Iterator<Item = &'a Row> {
    rows_after(rows, after).filter(move |row| row.value.is_none() && row.timestamp.time <= floor)
}
