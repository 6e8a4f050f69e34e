//! A handle to a staging area.

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_guard::SharedGuard;
use tidegate_streaming::{Batch, EngineError, Position, Staging};
use tidegate_transport::PeerId;

use crate::area::{Area, Status};
use crate::change::Attached;
use crate::committer::Durability;
use crate::engine::spawn_fold;
use crate::store::{Store, blocking};

/// A handle to a staging area; there may be several to one.
#[derive(Debug)]
pub(crate) struct FjallStaging {
    store: Arc<Store>,
    area: Arc<Area>,
    /// Of the area when the handle was made.
    losses: u64,
}

impl FjallStaging {
    pub(crate) fn new(store: Arc<Store>, area: Arc<Area>) -> Self {
        let losses = area.losses();
        Self { store, area, losses }
    }

    /// Finishes the table file that is being written, if there is one. Not in a turn, though fjall holds its journal while
    /// it makes a file part of a keyspace: the rows that are still to be written hold up nobody.
    async fn finish_run(&self, guard: Option<SharedGuard>) -> Result<(), EngineError> {
        if !self.area.may_have_run() {
            return Ok(());
        }
        let (store, area) = (Arc::clone(&self.store), Arc::clone(&self.area));
        blocking(move || store.finish_run_of(&area, guard)).await
    }

    /// Makes what was staged so far durable, if it is not.
    async fn sync_area(&self, guard: Option<SharedGuard>) -> Result<(), EngineError> {
        self.finish_run(guard.clone()).await?;
        let (area, losses) = (Arc::clone(&self.area), self.losses);
        self.store
            .committer
            .run(guard, move |turn| {
                turn.check()?;
                let state = area.state();
                match state.status {
                    Status::Gone => Err(EngineError::Gone),
                    Status::Attached => Ok(((), Durability::Later)),
                    Status::Collecting(_) => {
                        area.intact(losses)?;
                        let needed = if state.dirty {
                            Durability::Synced
                        } else {
                            Durability::Later
                        };
                        Ok(((), needed))
                    }
                }
            })
            .await
    }
}

#[async_trait]
impl Staging for FjallStaging {
    async fn attached(&self) -> Result<bool, EngineError> {
        let area = Arc::clone(&self.area);
        let attached = blocking(move || match area.state().status {
            Status::Collecting(_) => Ok(false),
            Status::Attached => Ok(true),
            Status::Gone => Err(EngineError::Gone),
        })
        .await?;
        if attached {
            // Whoever hears of it ends the move: the attach of another handle may still be on its way to the disk.
            self.sync_area(None).await?;
        }
        Ok(attached)
    }

    async fn position(&self, source: PeerId) -> Result<Option<Position>, EngineError> {
        let area = Arc::clone(&self.area);
        self.finish_run(None).await?;
        let held = blocking(move || {
            let state = area.state();
            match state.status {
                Status::Gone => Err(EngineError::Gone),
                _ => Ok(state.positions.get(&source.as_u64()).cloned()),
            }
        })
        .await?;
        // What is answered here decides where the source goes on: it must not be ahead of what is durable.
        self.sync_area(None).await?;
        Ok(held)
    }

    async fn stage(&self, guard: SharedGuard, source: PeerId, batch: Batch) -> Result<(), EngineError> {
        // Most batches are only handed over: a blocking thread for each would cost two changes of threads.
        if self
            .store
            .append_at_once(&self.area, (&guard, self.losses), source, &batch)
        {
            return Ok(());
        }
        let store = Arc::clone(&self.store);
        let area = Arc::clone(&self.area);
        let losses = self.losses;
        blocking(move || store.stage(&area, (&guard, losses), source, &batch)).await
    }

    async fn sync(&self, guard: SharedGuard) -> Result<(), EngineError> {
        self.sync_area(Some(guard)).await
    }

    async fn attach(&self, guard: SharedGuard) -> Result<(), EngineError> {
        self.finish_run(Some(Arc::clone(&guard))).await?;
        let store = Arc::clone(&self.store);
        let (area, losses) = (Arc::clone(&self.area), self.losses);
        let attached = self
            .store
            .committer
            .run(Some(guard), move |turn| store.attach(&area, losses, turn))
            .await?;
        if attached == Attached::Now && self.store.config.fold_on_attach {
            spawn_fold(&self.store, self.area.unit.as_u64());
        }
        Ok(())
    }
}
