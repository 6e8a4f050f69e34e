//! One node's handle on the local log.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::LocalLog;
use super::changes::LocalChanges;
use super::copy::{Applied, NodeCopy};
use crate::{
    Changes, Metadata, MetadataStore, NodeId, Outcome, Proposal, ProposeError, StoreStopped, Version,
};

/// One node's handle on a [`LocalLog`], with the copy that the node has applied.
///
/// The node applies what is decided at once, unless it is paused. Dropping the handle stops it.
pub struct LocalStore {
    node: NodeId,
    log: Arc<LocalLog>,
    copy: Arc<NodeCopy>,
}

impl LocalStore {
    pub(super) fn new(
        node: NodeId,
        log: Arc<LocalLog>,
        metadata: Arc<Metadata>,
        paused: bool,
        stopped: bool,
    ) -> Arc<Self> {
        let copy = NodeCopy::new(Applied {
            metadata,
            stopped,
            paused,
        });
        Arc::new(Self { node, log, copy })
    }

    /// The node whose handle it is.
    #[must_use]
    pub const fn node(&self) -> NodeId {
        self.node
    }

    /// Holds the node's apply back: its copy stays as it is, and whoever waits for more of it waits, this node's
    /// own proposals included. Others go on.
    pub fn pause(&self) {
        // Set where `follow` looks at it, so that nothing is applied once this has returned.
        self.copy.change(|applied| {
            applied.paused = true;
            false
        });
    }

    /// Applies what was held back, and goes on.
    pub fn resume(&self) {
        self.copy.change(|applied| {
            applied.paused = false;
            false
        });
        // Looked at after the flag: what is decided from here on finds it and comes by itself, and what was decided
        // before is in this copy.
        self.follow(&self.log.newest());
    }

    /// Lets a paused node apply up to `version`, and no further; answers whether it has come that far. Forward
    /// only, and only to versions that are kept.
    pub fn apply_until(&self, version: Version) -> bool {
        let kept = self.log.lock().history.at(version);
        if let Some(copy) = kept {
            self.copy.change(|applied| applied.step(&copy));
        }
        self.copy.look().metadata.version >= version
    }

    /// Whether the node's apply is held back.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.copy.look().paused
    }

    /// Stops this handle: whoever waits at it, or comes later, is told so. Other nodes go on.
    pub fn stop(&self) {
        self.copy.change(|applied| {
            applied.stopped = true;
            true
        });
    }

    pub(super) fn follow(&self, newest: &Arc<Metadata>) {
        self.copy
            .change(|applied| !applied.paused && applied.step(newest));
    }

    async fn wait_for(&self, version: Version) -> Result<Version, StoreStopped> {
        let reached = self.copy.wait_for(|metadata| metadata.version >= version).await?;
        Ok(reached.version)
    }
}

#[async_trait]
impl MetadataStore for LocalStore {
    async fn propose(&self, proposal: Proposal) -> Result<Vec<Outcome>, ProposeError> {
        if self.copy.look().stopped {
            return Err(StoreStopped.into());
        }
        let answer = self.log.decide(&proposal)?;
        self.wait_for(answer.version).await?;
        Ok(answer.outcomes)
    }

    async fn wait_applied(&self, version: Version) -> Result<(), StoreStopped> {
        self.wait_for(version).await.map(|_| ())
    }

    async fn read_barrier(&self) -> Result<Version, StoreStopped> {
        let decided = self.log.newest().version;
        self.wait_for(decided).await
    }

    fn snapshot(&self) -> Arc<Metadata> {
        Arc::clone(&self.copy.look().metadata)
    }

    fn changes(&self) -> Box<dyn Changes> {
        Box::new(LocalChanges::new(
            self.node,
            Arc::clone(&self.log),
            Arc::clone(&self.copy),
        ))
    }
}

impl Drop for LocalStore {
    fn drop(&mut self) {
        // Whoever follows it would else first be given a copy that nobody applies to any more.
        self.stop();
    }
}

impl fmt::Debug for LocalStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let applied = self.copy.look();
        f.debug_struct("LocalStore")
            .field("node", &self.node)
            .field("version", &applied.metadata.version)
            .field("paused", &applied.paused)
            .field("stopped", &applied.stopped)
            .finish_non_exhaustive()
    }
}
