//! Letting what was attached be the tablet's own keyspace, and what was its own a layer.
//!
//! Folding writes rows a second time, so the smaller side should be folded: after a move that is what was written to the
//! tablet meanwhile. The two only change their parts: readers merge both, before and after.

use std::mem;

use tidegate_streaming::EngineError;

use crate::committer::Durability;
use crate::error::engine_error;
use crate::record::{base_key, encode_base, layer_key};
use crate::store::Store;
use crate::tablet::{Layer, Named};

impl Store {
    /// Lets the first layer of a tablet change its part with the main keyspace, if it is the larger.
    pub(crate) fn adopt(&self, id: u64) -> Result<((), Durability), EngineError> {
        // Not synced: a crash that takes it back takes back whatever the journal has after it, too.
        let done = Ok(((), Durability::Later));
        let Some(tablet) = self.tablet(id) else {
            return done;
        };
        let (layer, before) = {
            let state = tablet.state();
            let Some(layer) = state.layers.first().cloned() else {
                return done;
            };
            let held = state.main.as_ref().map_or(0, |main| main.bytes());
            if layer.space.bytes() <= held {
                return done;
            }
            (layer, state.main.as_ref().map(|_| state.main_named))
        };
        let Named::Session(session) = layer.named else {
            return done;
        };
        let mut batch = self.db.batch().durability(None);
        batch.insert(&self.meta, base_key(id), encode_base(session));
        batch.remove(&self.meta, layer_key(id, layer.named));
        if let Some(before) = before {
            batch.insert(&self.meta, layer_key(id, before), 0_u64.to_be_bytes());
        }
        // Readers see either the old parts or the new.
        let mut state = tablet.state_mut();
        batch.commit().map_err(engine_error)?;
        state.layers.remove(0);
        let named = mem::replace(&mut state.main_named, layer.named);
        if let Some(space) = state.main.replace(layer.space) {
            state.layers.push(Layer { named, space });
        }
        done
    }
}
