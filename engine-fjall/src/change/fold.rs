//! Folding a layer into the tablet's own keyspace.
//!
//! Readers see the same before, while and after: the layer goes only once all its rows are in the main keyspace,
//! and that is durable. A fold that a crash cut short starts again; merging a row twice changes nothing.

use std::ops::Bound;
use std::sync::Arc;

use fjall::{PersistMode, Slice};
use tidegate_streaming::EngineError;

use crate::committer::Durability;
use crate::error::engine_error;
use crate::merge::Entry;
use crate::record::layer_key;
use crate::store::Store;
use crate::tablet::{Named, Space, Tablet, decode};

/// Where a fold stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FoldStep {
    /// It goes on after this key.
    After(Slice),
    /// The layer is folded, or gone with its tablet.
    Ended,
}

/// Rows of a layer from just after a key, about `bytes_max` of them. A layer no longer changes, so they may be read
/// ahead of the turn that folds them.
pub(crate) fn fold_chunk(
    layer: &Space,
    after: Option<&Slice>,
    bytes_max: usize,
) -> Result<Vec<Entry>, EngineError> {
    let rows = match after {
        Some(after) => layer
            .keyspace
            .range::<&[u8], _>((Bound::Excluded(&after[..]), Bound::Unbounded)),
        None => layer.keyspace.iter(),
    };
    let mut chunk = Vec::new();
    let mut bytes = 0;
    for row in rows {
        let (key, stored) = row.into_inner().map_err(engine_error)?;
        bytes += key.len() + stored.len();
        chunk.push((key, stored));
        if bytes >= bytes_max {
            break;
        }
    }
    Ok(chunk)
}

impl Store {
    /// Merges a chunk of a layer into the main keyspace; an empty one ends the fold.
    pub(crate) fn fold(
        &self,
        id: u64,
        named: Named,
        chunk: Vec<Entry>,
    ) -> Result<(FoldStep, Durability), EngineError> {
        let ended = Ok((FoldStep::Ended, Durability::Later));
        let Some(tablet) = self.tablet(id) else {
            return ended;
        };
        let is_layer = tablet.state().layers.iter().any(|layer| layer.named == named);
        if !is_layer {
            return ended;
        }
        let Some((last, _)) = chunk.last() else {
            self.end_fold(id, named, &tablet)?;
            return ended;
        };
        let last = last.clone();
        let main = self.main_of(id, &tablet)?;
        let mut batch = self.db.batch().durability(None);
        for (key, stored) in chunk {
            let held = main.keyspace.get(&key).map_err(engine_error)?;
            let is_later = match held {
                Some(held) => decode(&stored)?.timestamp > decode(&held)?.timestamp,
                None => true,
            };
            if is_later {
                // Not taken from the quota: it only moves, and the layer gives back what it had.
                batch.insert(&main.keyspace, key, stored);
            }
        }
        batch.commit().map_err(engine_error)?;
        Ok((FoldStep::After(last), Durability::Later))
    }

    fn end_fold(&self, id: u64, named: Named, tablet: &Tablet) -> Result<(), EngineError> {
        self.meta.remove(layer_key(id, named)).map_err(engine_error)?;
        // What was folded comes before this in the journal: one sync holds for both.
        self.db.persist(PersistMode::SyncAll).map_err(engine_error)?;
        let folded = {
            let mut state = tablet.state_mut();
            let at = state.layers.iter().position(|layer| layer.named == named);
            let folded = at.map(|at| state.layers.remove(at));
            if let (Some(main), Some(folded)) = (&state.main, &folded) {
                main.grow(folded.space.bytes());
            }
            folded
        };
        if let Some(folded) = folded {
            let moved = folded.space.bytes();
            self.db
                .delete_keyspace(folded.space.keyspace.clone())
                .map_err(engine_error)?;
            if tablet.state().main.is_none() {
                self.quota.give_back(moved);
            }
        }
        Ok(())
    }

    /// The layer of a tablet that was attached first.
    pub(crate) fn first_layer(&self, id: u64) -> Option<(Named, Arc<Space>)> {
        let tablet = self.tablet(id)?;
        let state = tablet.state();
        state
            .layers
            .first()
            .map(|layer| (layer.named, Arc::clone(&layer.space)))
    }
}
