//! A store that is stopped while its disk is slow.

use std::future::Future as _;
use std::ops::Range;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_raft::{Disk, DiskError, MemoryDisk, Note, RaftStore};
use tidegate_tablets::NodeId;
use tidegate_transport::{PeerId, Transport};
use tidegate_transport_mem::{MemConfig, MemNetwork};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::cluster::{config, until, within};

/// Votes are written when they are let through.
#[derive(Debug)]
struct SlowDisk {
    inner: MemoryDisk,
    let_through: Semaphore,
    begun: Semaphore,
}

#[async_trait]
impl Disk for SlowDisk {
    async fn note(&self, note: Note) -> Result<Option<Bytes>, DiskError> {
        self.inner.note(note).await
    }

    async fn set_note(&self, note: Note, bytes: Bytes) -> Result<(), DiskError> {
        if note == Note::Vote {
            self.begun.add_permits(1);
            self.let_through.acquire().await.map_err(DiskError::new)?.forget();
        }
        self.inner.set_note(note, bytes).await
    }

    async fn hint(&self, note: Note, bytes: Bytes) -> Result<(), DiskError> {
        self.inner.hint(note, bytes).await
    }

    async fn last(&self) -> Result<Option<(u64, Bytes)>, DiskError> {
        self.inner.last().await
    }

    async fn read(&self, range: Range<u64>, bytes_max: usize) -> Result<Vec<(u64, Bytes)>, DiskError> {
        self.inner.read(range, bytes_max).await
    }

    async fn append(&self, entries: Vec<(u64, Bytes)>) -> Result<(), DiskError> {
        self.inner.append(entries).await
    }

    async fn truncate(&self, index: u64) -> Result<(), DiskError> {
        self.inner.truncate(index).await
    }

    async fn purge(&self, index: u64, purged: Bytes) -> Result<(), DiskError> {
        self.inner.purge(index, purged).await
    }

    async fn snapshot(&self) -> Result<Option<Bytes>, DiskError> {
        self.inner.snapshot().await
    }

    async fn save_snapshot(&self, covers: u64, snapshot: Bytes) -> Result<(), DiskError> {
        self.inner.save_snapshot(covers, snapshot).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_was_given_up_is_waited_for_by_the_next() {
    let network = MemNetwork::new(MemConfig::default());
    let transport: Arc<dyn Transport> = network.join(PeerId::new(1)).unwrap();
    let disk = Arc::new(SlowDisk {
        inner: MemoryDisk::new(),
        let_through: Semaphore::new(0),
        begun: Semaphore::new(0),
    });
    let shared = Arc::clone(&disk) as Arc<dyn Disk>;
    let store = RaftStore::start(config(), transport, shared).await.unwrap();
    let founding = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.found([NodeId::new(1)].into()).await }
    });
    until("a vote is being written", || disk.begun.available_permits() > 0).await;

    let mut given_up = Box::pin(store.stop());
    assert!(
        given_up
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    drop(given_up);
    let early = timeout(Duration::from_secs(1), store.stop()).await;
    assert!(early.is_err(), "what has begun on the disk has not ended");
    disk.let_through.add_permits(100);
    within("the stop ends", store.stop()).await;
    drop(within("founding ends", founding).await);
}
