//! What this node holds, as estimated, looked at every few seconds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidegate_kv::RowStore;
use tidegate_raft::RaftStore;
use tidegate_streaming::EngineError;
use tidegate_tablets::{MetadataStore as _, TabletId};
use tokio::time::{Instant, sleep};
use tracing::debug;

use super::wire::Held;

/// How long what was looked at stays good.
const PACE: Duration = Duration::from_secs(5);

/// Looking takes at most this part of the time.
const REST: u32 = 20;

/// What this node holds of each tablet.
#[derive(Debug)]
pub(super) struct Loads {
    rows: Arc<dyn RowStore>,
    known: Mutex<BTreeMap<TabletId, Held>>,
}

impl Loads {
    pub(super) fn new(rows: Arc<dyn RowStore>) -> Self {
        Self {
            rows,
            known: Mutex::default(),
        }
    }

    /// Looks at everything, again and again.
    pub(super) async fn follow(&self, raft: &RaftStore) {
        loop {
            let begun = Instant::now();
            let metadata = raft.snapshot();
            let mut looked = BTreeMap::new();
            for tablet in metadata.tablets_of(raft.node()) {
                match self.look(tablet).await {
                    Ok(held) => drop(looked.insert(tablet, held)),
                    Err(error) => debug!(%tablet, %error, "its size is not known"),
                }
            }
            *self.lock() = looked;
            sleep(PACE.max(begun.elapsed() * REST)).await;
        }
    }

    /// Looks at one tablet now.
    pub(super) async fn look(&self, tablet: TabletId) -> Result<Held, EngineError> {
        let size = self.rows.size(tablet).await?;
        Ok(Held {
            tablet: tablet.as_u64(),
            rows: size.rows,
            bytes: size.bytes,
        })
    }

    /// What was seen last: of the tablets that are wanted, or of all.
    pub(super) fn known(&self, wanted: Option<&dyn Fn(TabletId) -> bool>, max: usize) -> Vec<Held> {
        let known = self.lock();
        let known = known
            .iter()
            .filter(|(tablet, _)| wanted.is_none_or(|wanted| wanted(**tablet)));
        known.map(|(_, held)| *held).take(max).collect()
    }

    /// Bytes of all that was seen last.
    pub(super) fn bytes(&self) -> u64 {
        self.lock().values().map(|held| held.bytes).sum()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<TabletId, Held>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
