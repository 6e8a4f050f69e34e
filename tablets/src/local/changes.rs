//! Follows one node's copy.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::LocalLog;
use super::copy::NodeCopy;
use crate::{Changes, Metadata, NodeId, StoreStopped, Touched, Update, Version};

/// Follows one node's copy. It queues nothing: what has changed since the last update is looked up in the log.
pub(super) struct LocalChanges {
    node: NodeId,
    log: Arc<LocalLog>,
    copy: Arc<NodeCopy>,
    given: Option<Version>,
}

impl LocalChanges {
    pub(super) fn new(node: NodeId, log: Arc<LocalLog>, copy: Arc<NodeCopy>) -> Self {
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
        let is_newer = |metadata: &Metadata| given.is_none_or(|given| metadata.version > given);
        let metadata = self.copy.wait_for(is_newer).await?;
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
