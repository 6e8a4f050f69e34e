//! Dropping tombstones.

use tidegate_kv::Row;
use tidegate_streaming::EngineError;

use crate::committer::{Durability, Turn};
use crate::error::{engine_error, failed};
use crate::record::row_key;
use crate::store::Store;
use crate::tablet::decode;

/// What a step of a purge did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PurgeStep {
    Dropped(u64),
    /// A layer is there. It may hold what a tombstone covers, so it has to be folded first.
    Layered,
}

impl Store {
    /// Drops those of `tombstones` that are still what the tablet holds.
    pub(crate) fn purge(
        &self,
        id: u64,
        tombstones: &[Row],
        turn: &Turn<'_>,
    ) -> Result<(PurgeStep, Durability), EngineError> {
        turn.check()?;
        let Some(tablet) = self.tablet(id) else {
            return Ok((PurgeStep::Dropped(0), Durability::Later));
        };
        let main = {
            let state = tablet.state();
            if !state.layers.is_empty() {
                return Ok((PurgeStep::Layered, Durability::Later));
            }
            match &state.main {
                Some(main) => main.keyspace.clone(),
                None => return Ok((PurgeStep::Dropped(0), Durability::Later)),
            }
        };
        let mut batch = self.db.batch().durability(None);
        for row in tombstones {
            let key = row_key(&row.key).map_err(failed)?;
            let Some(held) = tablet.current(&key)? else {
                continue;
            };
            let held = decode(&held)?;
            if held.value.is_none() && held.timestamp == row.timestamp {
                batch.remove(&main, key);
            }
        }
        let dropped = batch.len() as u64;
        turn.check()?;
        batch.commit().map_err(engine_error)?;
        // The call ends with a sync of all its steps.
        Ok((PurgeStep::Dropped(dropped), Durability::Later))
    }
}
