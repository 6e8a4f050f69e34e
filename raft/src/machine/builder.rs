//! Makes a snapshot of a state, beside what goes on.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use openraft::RaftSnapshotBuilder;
use tidegate_tablets::LogState;

use super::entries;
use crate::codec::snapshot;
use crate::disk::Disk;
use crate::log::invalid;
use crate::types::{RaftSnapshot, RaftSnapshotMeta, TypeConfig};

/// A state that stays as it is, and where its snapshot goes.
#[derive(Debug)]
pub(crate) struct Builder {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) state: LogState,
    pub(super) meta: RaftSnapshotMeta,
}

impl RaftSnapshotBuilder<TypeConfig> for Builder {
    type SnapshotData = Bytes;

    async fn build_snapshot(&mut self) -> Result<RaftSnapshot, io::Error> {
        let bytes = snapshot::encode(&self.meta, &self.state).await.map_err(invalid)?;
        // One that was installed meanwhile, and covers more, stays.
        let covers = entries(self.meta.last_log_id.as_ref());
        self.disk.save_snapshot(covers, bytes.clone()).await?;
        Ok(RaftSnapshot {
            meta: self.meta.clone(),
            snapshot: bytes,
        })
    }
}
