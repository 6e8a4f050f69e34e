//! The engine: what the contracts of streaming and kv ask for.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_guard::{SessionId, SharedGuard};
use tidegate_kv::{Row, RowStore, TabletSize};
use tidegate_streaming::{EngineError, Position, Scan, SourceEngine, Staging, TargetEngine, UnitId};
use tidegate_tablets::TabletId;

use crate::change::{FoldStep, PurgeStep, by_key, fold_chunk};
use crate::committer::Durability;
use crate::config::FjallConfig;
use crate::error::OpenError;
use crate::merge::Merge;
use crate::open::open_store;
use crate::scan::{Reader, SnapshotScan};
use crate::staging::FjallStaging;
use crate::store::{Store, blocking};
use crate::tablet::View;

/// Tombstones dropped in one step of a purge.
const PURGE_ROWS_MAX: usize = 1024;

/// Rows of tablets in one directory, on fjall.
///
/// The contracts are those of [`RowStore`], [`SourceEngine`] and [`TargetEngine`]. What is read is durable: a
/// reader that meets a write on its way to the disk waits for it.
///
/// A call whose future is dropped is carried out all the same once it has been queued, and holds its guard until
/// it has ended.
#[derive(Debug)]
pub struct FjallEngine {
    pub(crate) store: Arc<Store>,
}

impl FjallEngine {
    /// Opens the directory, and makes it if there is none. Finishes what a crash cut short: removals, and in the
    /// background, folds.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; [`OpenError::InUse`] while another engine has it open.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the directory is opened and closed again in the background.
    pub async fn open(path: impl Into<PathBuf>, config: FjallConfig) -> Result<Arc<Self>, OpenError> {
        let path = path.into();
        let opened = tokio::task::spawn_blocking({
            let path = path.clone();
            move || open_store(path, config)
        })
        .await;
        let store = match opened {
            Ok(store) => Arc::new(store?),
            Err(source) => {
                return Err(OpenError::Failed {
                    path,
                    source: Box::new(source),
                });
            }
        };
        if store.config.fold_on_attach {
            let layered: Vec<u64> = store
                .tablets()
                .iter()
                .filter(|(_, tablet)| !tablet.state().layers.is_empty())
                .map(|(tablet, _)| *tablet)
                .collect();
            for tablet in layered {
                spawn_fold(&store, tablet);
            }
        }
        Ok(Arc::new(Self { store }))
    }

    /// Takes no more changes, lets those under way end, and makes all of it durable. What was staged, not synced, and is on
    /// its way into table files is given up: its source goes on from
    /// [`position`](tidegate_streaming::Staging::position), at most the batches of two files per area before
    /// ([`FjallConfig::table_bytes_max`]). Staging handles and scans keep the directory locked until they are dropped,
    /// as the engine itself does.
    ///
    /// # Errors
    ///
    /// [`EngineError`]; the directory is as after a crash.
    ///
    /// # Cancel safety
    ///
    /// Safe; call it again. A second call does nothing.
    pub async fn close(&self) -> Result<(), EngineError> {
        if self.store.committer.is_stopped() {
            return Ok(());
        }
        self.store.closing.store(true, Ordering::Relaxed);
        let areas: Vec<_> = self.store.areas().values().cloned().collect();
        let given_up = blocking(move || {
            areas.iter().for_each(|area| Store::give_up_runs(area));
            Ok(())
        })
        .await;
        let folded = self.store.folds.acquire().await;
        let synced = self
            .store
            .committer
            .run(None, |_| Ok(((), Durability::Synced)))
            .await;
        self.store.committer.stop();
        drop(folded);
        given_up.and(synced)
    }

    /// Folds every layer of a tablet into its own keyspace, and waits for it. Readers see no difference; a layer
    /// is folded in the background anyway, unless the configuration says otherwise.
    ///
    /// # Errors
    ///
    /// [`EngineError`]; what was folded so far stays so.
    ///
    /// # Cancel safety
    ///
    /// Safe: what is left is folded later.
    pub async fn fold(&self, tablet: TabletId) -> Result<(), EngineError> {
        fold_tablet(&self.store, tablet.as_u64()).await
    }

    /// Reads out of a view of the tablet; `empty` if nothing is held of it.
    async fn read_view<T, F>(&self, tablet: u64, empty: T, read: F) -> Result<T, EngineError>
    where
        T: Send + 'static,
        F: FnOnce(&View) -> Result<T, EngineError> + Send + 'static,
    {
        let store = Arc::clone(&self.store);
        let (answer, group) = blocking(move || match store.view(tablet) {
            Some(view) => Ok((read(&view)?, view.group)),
            None => Ok((empty, 0)),
        })
        .await?;
        self.store.committer.durable(group).await?;
        Ok(answer)
    }
}

impl Drop for FjallEngine {
    fn drop(&mut self) {
        // A fold that runs ends at its next step, so that the directory can be opened again.
        self.store.closing.store(true, Ordering::Relaxed);
    }
}

/// Folds in the background, for as long as the engine lives.
pub(crate) fn spawn_fold(store: &Arc<Store>, tablet: u64) {
    let store = Arc::downgrade(store);
    drop(tokio::spawn(async move {
        let Some(store) = store.upgrade() else { return };
        if let Err(error) = fold_tablet(&store, tablet).await {
            tracing::warn!(
                tablet,
                error = &error as &dyn std::error::Error,
                "attached rows were not folded; they stay a layer"
            );
        }
    }));
}

async fn fold_tablet(store: &Arc<Store>, tablet: u64) -> Result<(), EngineError> {
    let Ok(_turn) = store.folds.acquire().await else {
        return Ok(());
    };
    while store.first_layer(tablet).is_some() {
        let adopting = Arc::clone(store);
        store.committer.run(None, move |_| adopting.adopt(tablet)).await?;
        let Some((named, layer)) = store.first_layer(tablet) else {
            break;
        };
        let mut after = None;
        loop {
            if store.is_closing() {
                return Ok(());
            }
            let (rows, from, bytes_max) = (Arc::clone(&layer), after.clone(), store.config.step_bytes_max);
            let chunk = blocking(move || fold_chunk(&rows, from.as_ref(), bytes_max)).await?;
            let folding = Arc::clone(store);
            let step = store
                .committer
                .run(None, move |_| folding.fold(tablet, named, chunk))
                .await?;
            match step {
                FoldStep::After(key) => after = Some(key),
                FoldStep::Ended => break,
            }
        }
    }
    Ok(())
}

#[async_trait]
impl SourceEngine for FjallEngine {
    async fn snapshot(
        &self,
        unit: UnitId,
        guard: SharedGuard,
        from: Option<Position>,
    ) -> Result<Box<dyn Scan>, EngineError> {
        guard.check()?;
        let empty = Merge::new(Vec::new(), std::iter::empty());
        let rows = self
            .read_view(unit.as_u64(), empty, move |view| {
                // Once more: it may have waited for a thread.
                guard.check()?;
                view.rows_after(from.as_ref().map(|position| &*position.0))
            })
            .await?;
        Ok(Box::new(SnapshotScan::new(Reader::new(rows))))
    }
}

#[async_trait]
impl TargetEngine for FjallEngine {
    async fn staging(
        &self,
        unit: UnitId,
        session: SessionId,
        guard: SharedGuard,
    ) -> Result<Box<dyn Staging>, EngineError> {
        let store = Arc::clone(&self.store);
        let area = self
            .store
            .committer
            .run(Some(guard), move |turn| store.open_area((unit, session), turn))
            .await?;
        Ok(Box::new(FjallStaging::new(Arc::clone(&self.store), area)))
    }

    async fn discard(&self, unit: UnitId, session: SessionId) -> Result<(), EngineError> {
        let store = Arc::clone(&self.store);
        if let Some(area) = store.area((unit, session)).filter(|area| area.may_have_run()) {
            // Not in a turn: the end of a table file takes as long as the disk needs for it.
            blocking(move || {
                Store::give_up_runs(&area);
                Ok(())
            })
            .await?;
        }
        self.store
            .committer
            .run(None, move |_| store.discard((unit, session)))
            .await
    }

    async fn staged(&self) -> Result<Vec<(UnitId, SessionId)>, EngineError> {
        Ok(self.store.areas().keys().copied().collect())
    }
}

#[async_trait]
impl RowStore for FjallEngine {
    async fn write(&self, tablet: TabletId, guard: SharedGuard, rows: Vec<Row>) -> Result<(), EngineError> {
        let rows = by_key(rows)?;
        let store = Arc::clone(&self.store);
        self.store
            .committer
            .run(Some(guard), move |turn| store.write(tablet.as_u64(), rows, turn))
            .await
    }

    async fn read(&self, tablet: TabletId, keys: Vec<Bytes>) -> Result<Vec<Option<Row>>, EngineError> {
        let empty = vec![None; keys.len()];
        self.read_view(tablet.as_u64(), empty, move |view| view.read(&keys))
            .await
    }

    async fn scan(
        &self,
        tablet: TabletId,
        after: Option<Bytes>,
        rows_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<Row>, EngineError> {
        self.read_view(tablet.as_u64(), Vec::new(), move |view| {
            view.scan(after.as_deref(), rows_max, bytes_max)
        })
        .await
    }

    async fn tombstones(
        &self,
        tablet: TabletId,
        floor: u64,
        after: Option<Bytes>,
        rows_max: usize,
    ) -> Result<Vec<Row>, EngineError> {
        self.read_view(tablet.as_u64(), Vec::new(), move |view| {
            view.tombstones(floor, after.as_deref(), rows_max)
        })
        .await
    }

    async fn purge(&self, tablet: TabletId, guard: SharedGuard, floor: u64) -> Result<u64, EngineError> {
        let mut after = None;
        let mut dropped = 0;
        loop {
            guard.check()?;
            let tombstones = self
                .tombstones(tablet, floor, after.clone(), PURGE_ROWS_MAX)
                .await?;
            let Some(last) = tombstones.last() else { break };
            let last = last.key.clone();
            let store = Arc::clone(&self.store);
            let step = self
                .store
                .committer
                .run(Some(Arc::clone(&guard)), move |turn| {
                    store.purge(tablet.as_u64(), &tombstones, turn)
                })
                .await?;
            match step {
                PurgeStep::Dropped(rows) => {
                    dropped += rows;
                    after = Some(last);
                }
                PurgeStep::Layered => self.fold(tablet).await?,
            }
        }
        // Also if nothing was left to drop: a purge that was abandoned dropped it, and synced nothing.
        self.store
            .committer
            .run(Some(guard), |_| Ok(((), Durability::Synced)))
            .await?;
        Ok(dropped)
    }

    async fn remove(&self, tablet: TabletId, guard: SharedGuard) -> Result<(), EngineError> {
        let store = Arc::clone(&self.store);
        self.store
            .committer
            .run(Some(guard), move |turn| store.remove(tablet.as_u64(), turn))
            .await
    }

    async fn tablets(&self) -> Result<Vec<TabletId>, EngineError> {
        let store = Arc::clone(&self.store);
        blocking(move || {
            store
                .held()
                .map(|held| held.into_iter().map(TabletId::new).collect())
        })
        .await
    }

    /// Of more rows than a few: as the keyspaces count them, those that later ones replaced too, and by the length of
    /// the first ones.
    async fn size(&self, tablet: TabletId) -> Result<TabletSize, EngineError> {
        self.read_view(tablet.as_u64(), TabletSize::default(), View::size)
            .await
    }

    async fn latest_time(&self) -> Result<u64, EngineError> {
        let store = Arc::clone(&self.store);
        blocking(move || Ok(store.latest_time())).await
    }
}
