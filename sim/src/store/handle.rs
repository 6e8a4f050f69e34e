//! One node's handle on the simulated log.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_tablets::{
    Changes, Metadata, MetadataStore, NodeId, Outcome, Proposal, ProposeError, StoreStopped, Version,
};

use super::SimLog;
use super::copy::Copy;
use super::following::Following;

/// One start of a node's handle on a [`SimLog`], with the copy that it has applied. Dropping it stops it.
pub struct SimStore {
    log: Arc<SimLog>,
    copy: Arc<Copy>,
}

impl SimStore {
    pub(super) const fn new(log: Arc<SimLog>, copy: Arc<Copy>) -> Self {
        Self { log, copy }
    }

    /// The node whose handle it is.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.copy.node
    }

    /// From now on the node applies what is decided that much later, drawn anew each time.
    pub fn lag(&self, range: RangeInclusive<Duration>) {
        self.copy.set_lag(range);
    }

    /// Holds the node's apply back, as a lag without end does.
    pub fn pause(&self) {
        self.copy.state().paused = true;
    }

    /// Applies what was held back, entry by entry, and goes on.
    pub fn resume(&self) {
        self.copy.state().paused = false;
        self.log.follow(&self.copy);
    }

    /// Gives the node the newest copy, with everything touched: it never sees the states before. Answers whether
    /// there was one that it did not have.
    pub fn install_snapshot(&self) -> bool {
        let newest = self.log.newest();
        self.log.step(&self.copy, &newest, true)
    }

    /// Stops this handle: whoever waits at it, or comes later, is told so. Other nodes go on.
    pub fn stop(&self) {
        self.copy.stop();
    }

    async fn wait_for(&self, version: Version) -> Result<Version, StoreStopped> {
        self.copy
            .wait(|state| Some(state.metadata.version).filter(|applied| *applied >= version))
            .await
    }
}

#[async_trait]
impl MetadataStore for SimStore {
    async fn propose(&self, proposal: Proposal) -> Result<Vec<Outcome>, ProposeError> {
        if self.copy.state().stopped {
            return Err(StoreStopped.into());
        }
        let answer = self.log.launch(proposal)?;
        let answer = tokio::select! {
            biased;
            stopped = self.copy.stopped() => return Err(stopped.into()),
            answer = answer => answer
                .unwrap_or_else(|_| Err(ProposeError::Unknown("the proposal was lost".to_owned())))?,
        };
        self.wait_for(answer.version).await?;
        Ok(answer.outcomes)
    }

    async fn wait_applied(&self, version: Version) -> Result<(), StoreStopped> {
        self.wait_for(version).await.map(|_| ())
    }

    async fn read_barrier(&self) -> Result<Version, StoreStopped> {
        // Not more than is asked for: what is decided while it waits may be missing.
        let decided = self.log.newest().version;
        tokio::select! {
            biased;
            stopped = self.copy.stopped() => return Err(stopped),
            () = self.log.ask_leader() => {}
        }
        self.wait_for(decided).await
    }

    fn snapshot(&self) -> Arc<Metadata> {
        Arc::clone(&self.copy.state().metadata)
    }

    fn changes(&self) -> Box<dyn Changes> {
        Box::new(Following::new(Arc::clone(&self.log), Arc::clone(&self.copy)))
    }
}

impl Drop for SimStore {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for SimStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.copy.state();
        f.debug_struct("SimStore")
            .field("node", &self.copy.node)
            .field("version", &state.metadata.version)
            .field("paused", &state.paused)
            .field("stopped", &state.stopped)
            .finish_non_exhaustive()
    }
}
