//! Follows one node's copy.

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_tablets::{Changes, StoreStopped, Touched, Update, Version};

use crate::copy::Copy;

/// Follows one node's copy. It queues nothing: what has changed since the last update is looked up in the copy.
#[derive(Debug)]
pub(crate) struct Following {
    copy: Arc<Copy>,
    given: Option<Version>,
}

impl Following {
    pub(crate) const fn new(copy: Arc<Copy>) -> Self {
        Self { copy, given: None }
    }
}

#[async_trait]
impl Changes for Following {
    async fn next(&mut self) -> Result<Update, StoreStopped> {
        let given = self.given;
        let max = self.copy.bounds().touched_max;
        let update = self.copy.wait(|applied| {
            let touched = match given {
                None => Touched::All,
                Some(given) if applied.metadata.version > given => applied.touched_since(given, max),
                Some(_) => return None,
            };
            let metadata = Arc::clone(&applied.metadata);
            Some(Update { metadata, touched })
        });
        let update = update.await?;
        self.given = Some(update.metadata.version);
        Ok(update)
    }
}
