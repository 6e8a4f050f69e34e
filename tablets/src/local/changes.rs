//! Follows one node's copy.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use super::LocalLog;
use super::store::Applied;
use crate::{Changes, NodeId, StoreStopped, Touched, Update, Version};

/// Follows one node's copy. It queues nothing: what has changed since the last update is looked up in the log.
pub(super) struct LocalChanges {
    node: NodeId,
    log: Arc<LocalLog>,
    copy: watch::Receiver<Applied>,
    given: Option<Version>,
}

impl LocalChanges {
    pub(super) fn new(node: NodeId, log: Arc<LocalLog>, copy: watch::Receiver<Applied>) -> Self {
        Self {
            node,
            log,
            copy,
            given: None,
        }
    }
}

#[async_trait]
impl Changes for LocalChanges {
    async fn next(&mut self) -> Result<Update, StoreStopped> {
        let given = self.given;
        let is_newer =
            |applied: &Applied| applied.stopped || given.is_none_or(|given| applied.metadata.version > given);
        let metadata = {
            let applied = self.copy.wait_for(is_newer).await.map_err(|_| StoreStopped)?;
            if applied.stopped {
                return Err(StoreStopped);
            }
            Arc::clone(&applied.metadata)
        };
        let touched = match given {
            None => Touched::All,
            Some(given) => self.log.lock().history.touched(given, metadata.version),
        };
        self.given = Some(metadata.version);
        Ok(Update { metadata, touched })
    }
}

impl fmt::Debug for LocalChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalChanges")
            .field("node", &self.node)
            .field("given", &self.given)
            .finish_non_exhaustive()
    }
}
