//! Making a staging area, and staging into it.

use std::collections::BTreeMap;
use std::sync::Arc;

use fjall::Slice;
use tidegate_guard::SharedGuard;
use tidegate_kv::{RowRef, StoredValue, decode_rows};
use tidegate_streaming::{Batch, EngineError, staging_area_made};
use tidegate_transport::PeerId;

use crate::area::{Area, AreaState, Status};
use crate::change::append::Outline;
use crate::committer::{Durability, Turn};
use crate::error::{Stopped, engine_error, failed};
use crate::record::{Kind, encode_position, position_key, row_key, staging_keyspace};
use crate::store::{AreaKey, Store};
use crate::tablet::{Space, decode};

impl Store {
    /// The staging area of a unit and session: the one there is, else a new one.
    pub(crate) fn open_area(
        &self,
        key: AreaKey,
        turn: &Turn<'_>,
    ) -> Result<(Arc<Area>, Durability), EngineError> {
        turn.check()?;
        if let Some(area) = self.area(key) {
            return Ok((area, Durability::Later));
        }
        let (unit, session) = key;
        let is_layer = self
            .tablet(unit.as_u64())
            .is_some_and(|tablet| tablet.state().has(session));
        if is_layer {
            // Attached and discarded before: a session does not come again.
            return Err(EngineError::Gone);
        }
        let space = self.space(&staging_keyspace(unit, session))?;
        self.meta
            .insert(Kind::Area.key(unit, session), 0_u64.to_be_bytes())
            .map_err(engine_error)?;
        let area = Area::new(unit, session, AreaState::new(Status::Collecting(space)));
        self.areas().insert(key, Arc::clone(&area));
        staging_area_made();
        Ok((area, Durability::Later))
    }

    /// Stages a batch, not durably; its position goes along in one step. Blocks.
    pub(crate) fn stage(
        &self,
        area: &Area,
        (guard, losses): (&SharedGuard, u64),
        source: PeerId,
        received: &Batch,
    ) -> Result<(), EngineError> {
        let outline = Outline::of(&received.payload)?;
        let mut state = area.state();
        let space = match &state.status {
            Status::Collecting(space) => Arc::clone(space),
            Status::Attached => return Ok(()),
            Status::Gone => return Err(EngineError::Gone),
        };
        area.intact(losses)?;
        // Race: a close has given up what this area had on its way, and another table file is begun after it. Defence: a
        // close says so before it takes this lock.
        if self.is_closing() {
            return Err(failed(Stopped));
        }
        if let Some(outline) = outline
            && self.may_append(&state, &space, source, &outline)
        {
            let whose = (guard, source);
            return self.append(area, &mut state, &space, whose, (received, &outline));
        }
        // What is merged has to find all that came before.
        self.finish_run(area, &mut state, &space, Some(Arc::clone(guard)))?;
        self.merge(area, &mut state, &space, (guard, source), received)
    }

    /// Stages a batch that comes in any order, by way of the journal.
    fn merge(
        &self,
        area: &Area,
        state: &mut AreaState,
        space: &Space,
        (guard, source): (&SharedGuard, PeerId),
        received: &Batch,
    ) -> Result<(), EngineError> {
        let rows = decode_rows(&received.payload).map_err(|error| EngineError::Decode(error.to_string()))?;
        let mut latest_rows = BTreeMap::<Vec<u8>, RowRef<'_>>::new();
        for row in rows {
            let key = row_key(row.key).map_err(|error| EngineError::Decode(error.to_string()))?;
            match latest_rows.get(&key) {
                Some(held) if held.timestamp >= row.timestamp => {}
                _ => drop(latest_rows.insert(key, row)),
            }
        }
        let mut staged = StagedRows {
            space,
            bytes: 0,
            latest: state.latest,
            greatest: None,
        };
        let mut batch = self.db.batch().durability(None);
        staged.fill(&mut batch, latest_rows, state.greatest.as_ref())?;
        let StagedRows {
            bytes,
            latest,
            greatest,
            ..
        } = staged;
        batch.insert(
            &self.meta,
            Kind::Area.key(area.unit, area.session),
            latest.to_be_bytes(),
        );
        let ahead = state
            .positions
            .get(&source.as_u64())
            .is_none_or(|held| *held < received.last);
        if ahead {
            let key = position_key(area.unit, area.session, source.as_u64());
            batch.insert(&self.meta, key, encode_position(&received.last));
        }
        self.quota.take(bytes)?;
        let committed = match guard.check() {
            Ok(()) => batch.commit().map_err(engine_error),
            Err(rejected) => Err(rejected.into()),
        };
        if let Err(error) = committed {
            self.quota.give_back(bytes);
            return Err(error);
        }
        space.grow(bytes);
        state.latest = latest;
        state.dirty = true;
        state.greatest = state.greatest.take().max(greatest);
        if ahead {
            state.positions.insert(source.as_u64(), received.last.clone());
        }
        Ok(())
    }
}

struct StagedRows<'a> {
    space: &'a Space,
    bytes: u64,
    latest: u64,
    greatest: Option<Slice>,
}

impl StagedRows<'_> {
    fn fill(
        &mut self,
        batch: &mut fjall::OwnedWriteBatch,
        rows: BTreeMap<Vec<u8>, RowRef<'_>>,
        staged_up_to: Option<&Slice>,
    ) -> Result<(), EngineError> {
        for (key, row) in rows {
            let key = Slice::from(key);
            // Batches of one source come in order: most rows lie beyond all that is staged, and need no look-up.
            let may_be_held = staged_up_to.is_some_and(|greatest| key <= *greatest);
            if may_be_held && self.holds_as_late(&key, &row)? {
                continue;
            }
            let stored = StoredValue::from(row).encode();
            self.bytes += (key.len() + stored.len()) as u64;
            self.latest = self.latest.max(row.timestamp.time);
            self.greatest = self.greatest.take().max(Some(key.clone()));
            batch.insert(&self.space.keyspace, key, &*stored);
        }
        Ok(())
    }

    fn holds_as_late(&self, key: &Slice, row: &RowRef<'_>) -> Result<bool, EngineError> {
        match self.space.keyspace.get(key).map_err(engine_error)? {
            Some(held) => Ok(decode(&held)?.timestamp >= row.timestamp),
            None => Ok(false),
        }
    }
}
