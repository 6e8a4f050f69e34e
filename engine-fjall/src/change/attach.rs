//! Making what was staged part of the tablet.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tidegate_streaming::EngineError;

use crate::area::{Area, Status};
use crate::committer::{Durability, Turn};
use crate::error::engine_error;
use crate::record::{Kind, LATEST_KEY};
use crate::store::Store;
use crate::tablet::{Layer, Named};

/// What an attach did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attached {
    Now,
    Before,
}

impl Store {
    /// Turns the keyspace of a staging area into a layer of the tablet: for crashes by one record, for readers
    /// under the tablet's lock. However much was staged, it takes as long.
    pub(crate) fn attach(
        &self,
        area: &Area,
        losses: u64,
        turn: &Turn<'_>,
    ) -> Result<(Attached, Durability), EngineError> {
        let mut state = area.state();
        let space = match &state.status {
            Status::Collecting(space) => Arc::clone(space),
            // A group before this one made it durable, or this one will.
            Status::Attached => return Ok((Attached::Before, Durability::Later)),
            Status::Gone => return Err(EngineError::Gone),
        };
        area.intact(losses)?;
        // Only if another handle has staged since this one asked for its turn.
        self.finish_run(area, &mut state, &space, turn.guard())?;
        let latest = self.latest.load(Ordering::Relaxed).max(state.latest);
        let mut batch = self.db.batch().durability(None);
        batch.remove(&self.meta, Kind::Area.key(area.unit, area.session));
        batch.insert(&self.meta, Kind::Mark.key(area.unit, area.session), []);
        batch.insert(
            &self.meta,
            Kind::Layer.key(area.unit, area.session),
            state.latest.to_be_bytes(),
        );
        batch.insert(&self.meta, LATEST_KEY, latest.to_be_bytes());
        let tablet = self.tablet_or_new(area.unit.as_u64());
        let mut tablet = tablet.state_mut();
        turn.check()?;
        batch.commit().map_err(engine_error)?;
        tablet.layers.push(Layer {
            named: Named::Session(area.session),
            space,
        });
        tablet.group = turn.group;
        state.status = Status::Attached;
        self.latest.store(latest, Ordering::Relaxed);
        Ok((Attached::Now, Durability::Synced))
    }
}
