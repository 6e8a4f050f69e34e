//! The guards under which table files are finished.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use tidegate_guard::{Closing, Guard, Rejected, SessionId, SharedGuard, Unfenced};
use tidegate_streaming::EngineError;
use tokio::sync::oneshot;

use super::table_tests::{SOURCE, UNIT, batch, config, fresh, row, rows, session, staging, unfenced};
use crate::record::{position_key, staging_keyspace};
use crate::store::Store;
use crate::{FjallConfig, FjallEngine};

/// Every batch is a table file of its own.
fn each_batch() -> FjallConfig {
    FjallConfig {
        table_bytes_max: 1,
        ..config()
    }
}

fn has_staged_rows(store: &Store) -> bool {
    let keyspace = store
        .db
        .keyspace(&staging_keyspace(UNIT, session(1)), || unreachable!());
    keyspace.unwrap().first_key_value().is_some()
}

/// Tells, when it is let go of, whether something was there by then.
struct Witness {
    guard: Unfenced,
    store: Arc<Store>,
    look: fn(&Store) -> bool,
    tell: Option<oneshot::Sender<bool>>,
}

impl Witness {
    fn guard(engine: &FjallEngine, look: fn(&Store) -> bool) -> (SharedGuard, oneshot::Receiver<bool>) {
        let (tell, told) = oneshot::channel();
        let guard = Self {
            guard: Unfenced,
            store: Arc::clone(&engine.store),
            look,
            tell: Some(tell),
        };
        (Arc::new(guard), told)
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witness").finish_non_exhaustive()
    }
}

impl Guard for Witness {
    fn session(&self) -> Option<SessionId> {
        None
    }

    fn check(&self) -> Result<(), Rejected> {
        Ok(())
    }

    fn closing(&self) -> Closing<'_> {
        self.guard.closing()
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let there = (self.look)(&self.store);
        self.tell.take().unwrap().send(there).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_is_given_up_holds_its_guard_until_the_position_is_recorded() {
    let (_directory, engine) = fresh().await;
    let staging = staging(&engine, 1).await;
    let staged = batch(&[row(1, 1)]);
    staging.stage(unfenced(), SOURCE, staged).await.unwrap();
    let (guard, told) = Witness::guard(&engine, |store| {
        let key = position_key(UNIT, session(1), SOURCE.as_u64());
        store.meta.contains_key(key).unwrap()
    });
    let mut syncing = Box::pin(staging.sync(guard));
    let mut context = Context::from_waker(Waker::noop());
    assert!(syncing.as_mut().poll(&mut context).is_pending());
    drop(syncing);
    assert!(told.await.unwrap(), "the guard went before the position came");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_file_that_is_finished_behind_its_batch_holds_the_batchs_guard() {
    let directory = tempfile::tempdir().unwrap();
    let engine = FjallEngine::open(directory.path(), each_batch()).await.unwrap();
    let staging = staging(&engine, 1).await;
    let (guard, told) = Witness::guard(&engine, has_staged_rows);
    staging.stage(guard, SOURCE, batch(&[row(1, 1)])).await.unwrap();
    assert!(told.await.unwrap(), "the guard went before the rows came");
}

/// Of a session that begins to close after so many checks.
#[derive(Debug)]
struct ClosesAfter(AtomicUsize, Unfenced);

impl Guard for ClosesAfter {
    fn session(&self) -> Option<SessionId> {
        None
    }

    fn check(&self) -> Result<(), Rejected> {
        let left = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.map(drop).map_err(|_| Rejected::Closing)
    }

    fn closing(&self) -> Closing<'_> {
        self.1.closing()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_table_file_is_begun_to_be_finished_once_its_session_closes() {
    // The first check is that of the batch.
    for (checks, finished) in [(1, false), (2, false), (3, true)] {
        let directory = tempfile::tempdir().unwrap();
        let engine = FjallEngine::open(directory.path(), each_batch()).await.unwrap();
        let first = staging(&engine, 1).await;
        let guard = Arc::new(ClosesAfter(AtomicUsize::new(checks), Unfenced));
        let staged = batch(&[row(1, 1)]);
        first.stage(guard, SOURCE, staged.clone()).await.unwrap();
        let synced = first.sync(unfenced()).await;
        assert_eq!(has_staged_rows(&engine.store), finished);
        if finished {
            synced.unwrap();
        } else {
            assert!(
                matches!(synced, Err(EngineError::Rejected(Rejected::Closing))),
                "{synced:?}"
            );
            let second = staging(&engine, 1).await;
            assert_eq!(second.position(SOURCE).await.unwrap(), None);
            second.stage(unfenced(), SOURCE, staged).await.unwrap();
            second.attach(unfenced()).await.unwrap();
            assert_eq!(rows(&engine).await, [row(1, 1)]);
        }
    }
}

/// What a session that is gone has left half done is not done for it.
#[tokio::test]
async fn a_close_finishes_no_table_file() {
    let (directory, engine) = fresh().await;
    let first = staging(&engine, 1).await;
    first
        .stage(unfenced(), SOURCE, batch(&[row(1, 1)]))
        .await
        .unwrap();
    engine.close().await.unwrap();
    assert!(!has_staged_rows(&engine.store));
    let second = first.stage(unfenced(), SOURCE, batch(&[row(2, 1)])).await;
    assert!(matches!(second, Err(EngineError::Failed(_))), "{second:?}");
    drop((first, engine));
    let engine = FjallEngine::open(directory.path(), config()).await.unwrap();
    let again = staging(&engine, 1).await;
    assert_eq!(again.position(SOURCE).await.unwrap(), None);
}
