//! Staging batches that come in order straight into table files.
//!
//! Rows that lie behind all that an area holds need no look-up and no merge, so they are written once and for all. A
//! position follows its rows: it is recorded when their file is finished.

use std::sync::Arc;

use fjall::{PersistMode, Slice};
use tidegate_guard::SharedGuard;
use tidegate_kv::decode_rows;
use tidegate_streaming::{Batch, EngineError};
use tidegate_transport::PeerId;

use crate::area::{Area, AreaState, Status};
use crate::error::engine_error;
use crate::record::{Kind, encode_position, is_row_key, position_key, row_key, stored_len, user_key};
use crate::run::Run;
use crate::store::Store;
use crate::tablet::Space;

/// A run is at least this part of what its area holds.
const RUNS_PER_AREA: u64 = 64;

/// What a batch looks like before its rows are touched.
#[derive(Debug)]
pub(crate) struct Outline<'a> {
    /// Whether each key is greater than the one before.
    is_sorted: bool,
    first: &'a [u8],
    last: &'a [u8],
    /// The latest time of a row.
    latest: u64,
    /// Of keys and values as they are stored.
    bytes: u64,
}

impl<'a> Outline<'a> {
    /// Of a batch of at least one row; of none, nothing.
    pub(crate) fn of(payload: &'a [u8]) -> Result<Option<Self>, EngineError> {
        let wrong = |error: &dyn std::fmt::Display| EngineError::Decode(error.to_string());
        let mut outline: Option<Self> = None;
        for row in decode_rows(payload).map_err(|error| wrong(&error))? {
            if !is_row_key(row.key) {
                row_key(row.key).map_err(|error| wrong(&error))?;
            }
            let (time, bytes) = (row.timestamp.time, stored_len(&row));
            match &mut outline {
                Some(outline) => {
                    outline.is_sorted &= outline.last < row.key;
                    outline.last = row.key;
                    outline.latest = outline.latest.max(time);
                    outline.bytes += bytes;
                }
                None => {
                    outline = Some(Self {
                        is_sorted: true,
                        first: row.key,
                        last: row.key,
                        latest: time,
                        bytes,
                    });
                }
            }
        }
        Ok(outline)
    }
}

impl Store {
    /// Whether a batch may go straight to a table file: it comes in order, lies behind all that is staged, and no other
    /// source's rows could lie between.
    pub(crate) fn may_append(
        &self,
        state: &AreaState,
        space: &Space,
        source: PeerId,
        outline: &Outline<'_>,
    ) -> bool {
        let is_behind = |greatest: &Slice| user_key(greatest) < outline.first;
        let is_large = state.has_runs() || space.bytes() >= self.config.staged_in_journal_bytes;
        let mut runs = state.run.iter().chain(&state.ending);
        outline.is_sorted
            && is_large
            && state.greatest.as_ref().is_none_or(is_behind)
            && state.positions.keys().all(|peer| *peer == source.as_u64())
            && runs.all(|run| run.peer == source.as_u64())
    }

    /// Hands a batch to the area's table file, and has that finished if it has grown enough.
    pub(crate) fn append(
        &self,
        area: &Area,
        state: &mut AreaState,
        space: &Arc<Space>,
        (guard, source): (&SharedGuard, PeerId),
        (received, outline): (&Batch, &Outline<'_>),
    ) -> Result<(), EngineError> {
        let greatest = row_key(outline.last).map_err(|error| EngineError::Decode(error.to_string()))?;
        if state.ending.as_ref().is_some_and(Run::has_ended) {
            // The sooner its position is recorded, the less comes again after a crash.
            self.end_run(area, state, space)?;
        }
        self.quota.take(outline.bytes)?;
        area.run_begins();
        let pushed = match guard.check() {
            Ok(()) => push(state, space, (guard, source), received),
            Err(rejected) => Err(rejected.into()),
        };
        if let Err(error) = pushed {
            self.quota.give_back(outline.bytes);
            if !matches!(error, EngineError::Rejected(_)) {
                self.abandon_runs(area, state, space)?;
            }
            return Err(error);
        }
        appended(state, space, outline, greatest);
        if self.is_whole(state, space, 0) {
            self.begin_to_finish(area, state, space, Some(Arc::clone(guard)))?;
        }
        Ok(())
    }

    /// The same, if nothing has to be waited for: no lock, no disk, and not the writer of the table file. Otherwise, and
    /// for all that is wrong, says false and has done nothing.
    pub(crate) fn append_at_once(
        &self,
        area: &Area,
        (guard, losses): (&SharedGuard, u64),
        source: PeerId,
        received: &Batch,
    ) -> bool {
        let Some(mut state) = area.try_state() else {
            return false;
        };
        let Status::Collecting(space) = state.status.clone() else {
            return false;
        };
        let has_room = state.run.as_ref().is_some_and(Run::has_room)
            && !state.ending.as_ref().is_some_and(Run::has_ended)
            && area.intact(losses).is_ok();
        if !has_room {
            return false;
        }
        let Ok(Some(outline)) = Outline::of(&received.payload) else {
            return false;
        };
        if !self.may_append(&state, &space, source, &outline) || self.is_whole(&state, &space, outline.bytes)
        {
            return false;
        }
        let (Ok(greatest), Some(run)) = (row_key(outline.last), &mut state.run) else {
            return false;
        };
        if self.quota.take(outline.bytes).is_err() {
            return false;
        }
        let pushed = guard.check().is_ok()
            && run.try_push(received.payload.clone(), received.last.clone(), Arc::clone(guard));
        if pushed {
            appended(&mut state, &space, &outline, greatest);
        } else {
            self.quota.give_back(outline.bytes);
        }
        pushed
    }

    /// Whether the table file is large enough, with so many bytes more.
    fn is_whole(&self, state: &AreaState, space: &Space, more: u64) -> bool {
        // The list of all files is written anew with each: so that stays little beside the rows, however many.
        let part = (space.bytes() + more) / RUNS_PER_AREA;
        let enough = self.config.table_bytes_max.max(part);
        state.run.as_ref().is_some_and(|run| run.bytes + more >= enough)
    }

    /// Finishes the table files of an area that collects, if there are any; right before that, its guard is checked.
    pub(crate) fn finish_run_of(&self, area: &Area, guard: Option<SharedGuard>) -> Result<(), EngineError> {
        let mut state = area.state();
        let Status::Collecting(space) = state.status.clone() else {
            return Ok(());
        };
        if state.has_runs() {
            guard.as_ref().map_or(Ok(()), |guard| guard.check())?;
        }
        // Race: the writer of the file lets its share of the guard go, and the position is recorded after the session was
        // drained. Defence: this share goes when all is done.
        let _held = guard.clone();
        self.finish_run(area, &mut state, &space, guard)
    }

    /// Gives up what is on its way into table files: whoever staged it is to stage it again. Waits for a file that is
    /// being finished, which has a guard of its own; nothing is recorded of it, as here there may be no session any more.
    pub(crate) fn give_up_runs(area: &Area) {
        let mut state = area.state();
        if state.has_runs() {
            area.lose_run();
            state.drop_runs();
        }
    }

    /// Makes all that is on its way into table files part of the area, with its position.
    pub(crate) fn finish_run(
        &self,
        area: &Area,
        state: &mut AreaState,
        space: &Space,
        guard: Option<SharedGuard>,
    ) -> Result<(), EngineError> {
        self.begin_to_finish(area, state, space, guard)?;
        self.end_run(area, state, space)
    }

    /// Begins to make the table file part of the area; the next one can be written meanwhile. One at a time, in their
    /// order: waits for the one before.
    fn begin_to_finish(
        &self,
        area: &Area,
        state: &mut AreaState,
        space: &Space,
        guard: Option<SharedGuard>,
    ) -> Result<(), EngineError> {
        if state.run.is_none() {
            return Ok(());
        }
        self.end_run(area, state, space)?;
        // The time first: no crash may leave rows that are later than what the next start's clock is set above.
        let (key, latest) = (Kind::Area.key(area.unit, area.session), state.latest);
        let (db, meta) = (self.db.clone(), self.meta.clone());
        #[cfg(test)]
        let committer = Arc::clone(&self.committer);
        let time = move || {
            meta.insert(key, latest.to_be_bytes()).map_err(engine_error)?;
            db.persist(PersistMode::SyncAll).map_err(engine_error)?;
            #[cfg(test)]
            if committer
                .run_fails
                .swap(false, std::sync::atomic::Ordering::Relaxed)
            {
                return Err(EngineError::DiskFull);
            }
            Ok(())
        };
        state.ending = state.run.take();
        if let Some(run) = &mut state.ending {
            run.finish(Box::new(time), guard);
        }
        Ok(())
    }

    /// Waits for the table file that is being finished, if there is one, and records its position.
    fn end_run(&self, area: &Area, state: &mut AreaState, space: &Space) -> Result<(), EngineError> {
        let Some(mut run) = state.ending.take() else {
            return Ok(());
        };
        if let Err(error) = run.ended() {
            self.lose(area, space, &run);
            // What follows it would lie behind a gap.
            self.abandon_runs(area, state, space)?;
            return Err(error);
        }
        // Not before its rows are durable.
        if state.positions.get(&run.peer).is_none_or(|held| *held < run.last) {
            let key = position_key(area.unit, area.session, run.peer);
            self.meta
                .insert(key, encode_position(&run.last))
                .map_err(engine_error)?;
            state.positions.insert(run.peer, run.last.clone());
        }
        state.dirty = true;
        Ok(())
    }

    /// Forgets a table file that failed: its rows are to come again, after the position before it.
    fn abandon_runs(&self, area: &Area, state: &mut AreaState, space: &Space) -> Result<(), EngineError> {
        // Race: the one before it becomes part of the keyspace after this looked at what is the greatest there.
        // Defence: waits for it; if it fails too, that has been said.
        let before = self.end_run(area, state, space);
        if let Some(run) = state.run.take() {
            self.lose(area, space, &run);
        }
        state.greatest = space
            .keyspace
            .last_key_value()
            .map(fjall::Guard::key)
            .transpose()
            .map_err(engine_error)?;
        before
    }

    fn lose(&self, area: &Area, space: &Space, run: &Run) {
        area.lose_run();
        self.quota.give_back(run.bytes);
        space.shrink(run.bytes);
    }
}

fn appended(state: &mut AreaState, space: &Space, outline: &Outline<'_>, greatest: Vec<u8>) {
    space.grow(outline.bytes);
    state.latest = state.latest.max(outline.latest);
    state.greatest = Some(Slice::from(greatest));
    if let Some(run) = &mut state.run {
        run.bytes += outline.bytes;
    }
}

fn push(
    state: &mut AreaState,
    space: &Arc<Space>,
    (guard, source): (&SharedGuard, PeerId),
    received: &Batch,
) -> Result<(), EngineError> {
    if state.run.is_none() {
        // Its position counts once it is finished.
        state.run = Some(Run::start(space, source.as_u64(), received.last.clone())?);
    }
    match &mut state.run {
        Some(run) => run.push(received.payload.clone(), received.last.clone(), Arc::clone(guard)),
        None => Ok(()),
    }
}
