//! Removing a tablet.

use std::collections::BTreeSet;

use fjall::PersistMode;
use tidegate_streaming::{EngineError, UnitId};

use crate::area::Status;
use crate::committer::{Durability, Turn};
use crate::error::engine_error;
use crate::record::{Kind, Owner, base_key, own_layer_key, owner, positions_of_unit, removal_key};
use crate::store::{Store, areas_gone, keyspace_options};

impl Store {
    /// Removes all of a tablet. One durable record decides it; a crash after that is made good at the next start.
    pub(crate) fn remove(&self, id: u64, turn: &Turn<'_>) -> Result<((), Durability), EngineError> {
        turn.check()?;
        let keys = self.records_of(id)?;
        let keyspaces = self.keyspaces_of(id);
        if keys.is_empty() && keyspaces.is_empty() {
            self.forget(id);
            return Ok(((), Durability::Later));
        }
        self.meta.insert(removal_key(id), []).map_err(engine_error)?;
        self.db.persist(PersistMode::SyncAll).map_err(engine_error)?;
        self.forget(id);
        // Once more: until its area was gone, a batch may have been staged.
        let keys = self.records_of(id)?;
        self.finish_removal(id, keys, &keyspaces)?;
        Ok(((), Durability::Synced))
    }

    /// What is left to do once the removal is decided. Needs a sync after it.
    pub(crate) fn finish_removal(
        &self,
        id: u64,
        keys: Vec<Vec<u8>>,
        keyspaces: &[String],
    ) -> Result<(), EngineError> {
        for name in keyspaces {
            let keyspace = self
                .db
                .keyspace(name, || keyspace_options(&self.config))
                .map_err(engine_error)?;
            self.db.delete_keyspace(keyspace).map_err(engine_error)?;
        }
        let mut batch = self.db.batch().durability(None);
        for key in keys {
            batch.remove(&self.meta, key);
        }
        batch.remove(&self.meta, removal_key(id));
        batch.commit().map_err(engine_error)
    }

    /// Nobody finds the tablet or its staging areas from here on; a batch that is being staged ends first.
    fn forget(&self, id: u64) {
        if let Some(tablet) = self.tablets().remove(&id) {
            let mut state = tablet.state_mut();
            let spaces = state
                .main
                .take()
                .into_iter()
                .chain(state.layers.drain(..).map(|layer| layer.space));
            for space in spaces {
                self.quota.give_back(space.bytes());
            }
        }
        let unit = UnitId::new(id);
        let gone: Vec<_> = self
            .areas()
            .values()
            .filter(|area| area.unit == unit)
            .cloned()
            .collect();
        for area in &gone {
            let mut state = area.state();
            if let Status::Collecting(space) = &state.status {
                self.quota.give_back(space.bytes());
            }
            state.drop_runs();
            state.status = Status::Gone;
            self.areas().remove(&(area.unit, area.session));
        }
        areas_gone(gone.len());
    }

    pub(crate) fn records_of(&self, id: u64) -> Result<Vec<Vec<u8>>, EngineError> {
        let unit = UnitId::new(id);
        let mut prefixes: Vec<_> = Kind::ALL.iter().map(|kind| kind.prefix_of(unit)).collect();
        prefixes.push(positions_of_unit(unit));
        // The mark of a removal that was cut short: left behind, the next start would remove what came since.
        prefixes.push(removal_key(id));
        prefixes.extend([base_key(id), own_layer_key(id)]);
        let mut keys = Vec::new();
        for prefix in prefixes {
            for entry in self.meta.prefix(prefix) {
                keys.push(entry.key().map_err(engine_error)?.to_vec());
            }
        }
        Ok(keys)
    }

    pub(crate) fn keyspaces_of(&self, id: u64) -> Vec<String> {
        let unit = UnitId::new(id);
        let names: BTreeSet<String> = self
            .db
            .list_keyspace_names()
            .into_iter()
            .filter(|name| match owner(name) {
                Some(Owner::Tablet(tablet)) => tablet == id,
                Some(Owner::Staging(of, _)) => of == unit,
                None => false,
            })
            .map(|name| name.to_string())
            .collect();
        names.into_iter().collect()
    }
}
