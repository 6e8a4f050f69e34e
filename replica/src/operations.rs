//! The operations that run on a node, each once, whoever asks for it.

mod task;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tidegate_coordinator::{Operation, OperationError, OperationKind};
use tidegate_guard::SessionId;
use tidegate_tablets::TabletId;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

pub(crate) use self::task::OperationTask;
use crate::ReplicaConfig;
use crate::published::Published;
use crate::told::{Told, told};

/// What makes two requests ask for the same operation.
type Key = (TabletId, OperationKind, SessionId);

type Ending = Told<Result<(), OperationError>>;

#[derive(Debug, Default)]
struct Running {
    by_key: BTreeMap<Key, Ending>,
    tasks: JoinSet<()>,
    stopped: bool,
}

/// The operations that run on a node.
///
/// An operation belongs to no request: it runs in a task of its own until it ends, also when whoever asked is gone,
/// and a request for an operation that runs joins it. One that has lost its connections ends at once, so what is
/// found running has its connections; a call into the engine that it leaves behind goes on under its own guard,
/// and the next attempt runs beside it.
#[derive(Debug)]
pub(crate) struct Operations {
    task: Arc<OperationTask>,
    published: Arc<Published>,
    config: ReplicaConfig,
    running: Arc<Mutex<Running>>,
}

impl Operations {
    pub(crate) fn new(task: OperationTask, config: ReplicaConfig) -> Self {
        let published = Arc::clone(&task.published);
        Self {
            task: Arc::new(task),
            published,
            config,
            running: Arc::default(),
        }
    }

    /// Waits for the metadata, starts the operation or joins the one that runs, and waits for its end; all within
    /// the request's deadline.
    ///
    /// # Cancel safety
    ///
    /// Safe: an operation that was started goes on.
    pub(crate) async fn ask(&self, operation: Operation) -> Result<(), OperationError> {
        let until = Instant::now() + operation.deadline.min(self.config.operation_wait_max);
        let left = until.saturating_duration_since(Instant::now());
        // Before the first read barrier there is no map to wait with: nothing is thawed, nothing begun.
        if self
            .published
            .wait_version(operation.min_version, left)
            .await
            .is_err()
        {
            return Err(OperationError::NotReady);
        }
        let ending = self.join_or_start(operation)?;
        match timeout_at(until, ending.wait()).await {
            Ok(Some(result)) => result,
            Ok(None) => Err(OperationError::Failed("the operation was aborted".to_owned())),
            Err(_) => Err(OperationError::Running),
        }
    }

    /// Aborts what runs, and waits until it is gone. Calls into the engine go on under guards of their own.
    pub(crate) async fn stop(&self) {
        let mut tasks = {
            let mut running = self.lock();
            running.stopped = true;
            std::mem::take(&mut running.tasks)
        };
        tasks.shutdown().await;
    }

    fn join_or_start(&self, operation: Operation) -> Result<Ending, OperationError> {
        let key = (operation.tablet, operation.kind, operation.frozen.session);
        let mut running = self.lock();
        if let Some(ending) = running.by_key.get(&key) {
            // One whose task was aborted or has panicked has no end to wait for: it is replaced.
            if !ending.is_abandoned() {
                return Ok(ending.clone());
            }
        }
        if running.stopped {
            return Err(OperationError::NotReady);
        }
        while running.tasks.try_join_next().is_some() {}
        if running.tasks.len() >= self.config.operations_max {
            return Err(OperationError::Failed(
                "too many operations run on this node".to_owned(),
            ));
        }
        let (ended, ending) = told();
        running.by_key.insert(key, ending.clone());
        let frozen = operation.frozen;
        let session = tracing::info_span!("session", session = %frozen.session, epoch = frozen.epoch);
        let span = tracing::info_span!(parent: &session, "operation", kind = %operation.kind, tablet = %operation.tablet);
        let (task, table) = (Arc::clone(&self.task), Arc::clone(&self.running));
        running.tasks.spawn(
            async move {
                let result = task.run(&operation).await;
                // Off the table before the end is told: a request that comes after the end starts anew.
                lock(&table).by_key.remove(&key);
                ended.tell(result);
            }
            .instrument(span),
        );
        Ok(ending)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Running> {
        lock(&self.running)
    }
}

fn lock(running: &Mutex<Running>) -> std::sync::MutexGuard<'_, Running> {
    // Nothing under the lock panics.
    running.lock().unwrap_or_else(PoisonError::into_inner)
}
