//! The two ends, each on a runtime of its own.

use std::future::Future;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long one sample may take before it counts as stuck.
const STUCK: Duration = Duration::from_secs(120);

/// A runtime of one worker thread for each end.
#[derive(Debug)]
pub(super) struct Ends {
    /// Where the batches are.
    pub(super) source: Runtime,
    /// Where they go.
    pub(super) target: Runtime,
}

impl Ends {
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            source: runtime("source")?,
            target: runtime("target")?,
        })
    }

    /// Runs a task for every stream at the target, until all have ended; the first error is the result.
    pub(super) fn at_target<F>(&self, tasks: impl IntoIterator<Item = F>) -> Result<()>
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let mut running = JoinSet::new();
        for task in tasks {
            running.spawn_on(task, self.target.handle());
        }
        // This thread only waits: the work is the worker's.
        self.target.block_on(async {
            while let Some(ended) = timeout(STUCK, running.join_next())
                .await
                .context("a stream is stuck")?
            {
                ended??;
            }
            Ok(())
        })
    }
}

fn runtime(name: &str) -> Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).thread_name(name).enable_all();
    builder.build().context("a runtime for one end")
}
