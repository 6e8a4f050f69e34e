//! A client's reads and writes, answered by a replica that plays a script.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_guard::SharedGuard;
use tidegate_kv::{Admit, HybridClock, KvClient, KvConfig};
use tidegate_replica::{AdmissionError, WaitError};
use tidegate_tablets::{Epoch, Metadata, TabletId};
use tokio::time::sleep;

use super::cluster::{lines, network, play_all};
use super::metadata::{self, FAR, NEAR};
use super::script::Script;
use super::{HOSTILE, NODE, ended, in_virtual_time};

/// A map that never changes, on a node that has no tablet.
#[derive(Debug)]
struct Map(Arc<Metadata>);

#[async_trait]
impl Admit for Map {
    fn map(&self) -> Option<Arc<Metadata>> {
        Some(Arc::clone(&self.0))
    }

    async fn wait_epoch(
        &self,
        _tablet: TabletId,
        _epoch: Epoch,
        deadline: Duration,
    ) -> Result<Arc<Metadata>, WaitError> {
        sleep(deadline).await;
        Err(WaitError::Behind {
            applied: self.0.version,
        })
    }

    async fn admit(
        &self,
        _tablet: TabletId,
        _epoch: Epoch,
        _deadline: Duration,
    ) -> Result<SharedGuard, AdmissionError> {
        Err(AdmissionError::NotReplica)
    }
}

pub(crate) fn run(input: &[u8]) {
    in_virtual_time(async move {
        let network = network();
        let (near, far) = (lines(&network, NODE), lines(&network, HOSTILE));
        let peer = tokio::spawn(play_all(far, Script::new(input)));
        let shown = metadata::with_replicas(&[&[FAR]]);
        let clock = Arc::new(HybridClock::new(NEAR, 1, || 0));
        let map = Arc::new(Map(Arc::new(shown.metadata)));
        let client = KvClient::new(map, near, clock, KvConfig::default());
        // Errors are among the outcomes.
        let (key, value) = (Bytes::from_static(b"k"), Bytes::from_static(b"v"));
        drop(ended("a write", client.put(shown.table, key.clone(), value)).await);
        let keys = vec![Bytes::from_static(b"a"), key];
        let read = ended("a read", client.read_many(shown.table, keys)).await;
        assert_eq!(read.len(), 2, "one answer for each key");
        peer.abort();
    });
}
