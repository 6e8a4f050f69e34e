//! Follows one node's copy.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tidegate_tablets::{Changes, StoreStopped, Touched, Update, Version};

use super::SimLog;
use super::copy::Copy;

/// Follows one node's copy. It queues nothing: what has changed since the last update is looked up in the log.
pub(super) struct Following {
    log: Arc<SimLog>,
    copy: Arc<Copy>,
    given: Option<Version>,
}

impl Following {
    pub(super) const fn new(log: Arc<SimLog>, copy: Arc<Copy>) -> Self {
        Self {
            log,
            copy,
            given: None,
        }
    }
}

#[async_trait]
impl Changes for Following {
    async fn next(&mut self) -> Result<Update, StoreStopped> {
        let given = self.given;
        let (metadata, jumped) = self
            .copy
            .wait(|state| {
                given
                    .is_none_or(|given| state.metadata.version > given)
                    .then(|| (Arc::clone(&state.metadata), state.jumped))
            })
            .await?;
        let touched = match given {
            Some(given) if given >= jumped => self.log.touched(given, metadata.version),
            _ => Touched::All,
        };
        self.given = Some(metadata.version);
        Ok(Update { metadata, touched })
    }
}

impl fmt::Debug for Following {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Following")
            .field("node", &self.copy.node)
            .field("given", &self.given)
            .finish_non_exhaustive()
    }
}
