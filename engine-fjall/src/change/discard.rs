//! Dropping what was staged, and what is known of an attach.

use std::mem;

use fjall::PersistMode;
use tidegate_streaming::EngineError;

use crate::area::Status;
use crate::committer::Durability;
use crate::error::engine_error;
use crate::record::{Kind, position_key};
use crate::store::{AreaKey, Store, areas_gone};

impl Store {
    /// Drops a staging area: its rows if it was not attached, its positions, its mark. A layer stays until it is
    /// folded.
    pub(crate) fn discard(&self, key: AreaKey) -> Result<((), Durability), EngineError> {
        let Some(area) = self.area(key) else {
            return Ok(((), Durability::Later));
        };
        let (unit, session) = key;
        let mut state = area.state();
        // Race: a table file that is being finished records the area's time. Defence: it has ended, or was given up, before
        // the record goes; and before its keyspace goes. If the record stays after all, the rows are missed by whoever staged
        // them.
        if state.has_runs() {
            area.lose_run();
            state.drop_runs();
        }
        let mut batch = self.db.batch().durability(None);
        batch.remove(&self.meta, Kind::Area.key(unit, session));
        batch.remove(&self.meta, Kind::Mark.key(unit, session));
        for peer in state.positions.keys() {
            batch.remove(&self.meta, position_key(unit, session, *peer));
        }
        batch.commit().map_err(engine_error)?;
        if let Status::Collecting(space) = mem::replace(&mut state.status, Status::Gone) {
            // Positions must not outlive their rows; rows without a record are deleted at the next start.
            self.db.persist(PersistMode::SyncAll).map_err(engine_error)?;
            self.delete(&space)?;
        }
        self.areas().remove(&key);
        areas_gone(1);
        Ok(((), Durability::Synced))
    }
}
