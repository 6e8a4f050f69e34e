//! A fill before a purge, from a replica that plays a script.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidegate_kv::{HybridClock, KvConfig, KvStorage, MemoryEngine, RowStore};
use tidegate_replica::Storage;
use tidegate_tablets::TabletId;

use super::cluster::{lines, network, play_all};
use super::metadata::{FAR, NEAR};
use super::script::Script;
use super::session::{Session, session_id};
use super::{HOSTILE, NODE, ended, in_virtual_time};

/// No tombstone above it may come of a fill.
const FLOOR: u64 = 1 << 20;

pub(crate) fn run(input: &[u8]) {
    in_virtual_time(async move {
        let mut script = Script::new(input);
        let session = Session::scripted(&mut script);
        let network = network();
        let (near, far) = (lines(&network, NODE), lines(&network, HOSTILE));
        let peer = tokio::spawn(play_all(far, script));
        let engine = MemoryEngine::with_quota(1 << 20);
        let clock = Arc::new(HybridClock::new(NEAR, 1, || 0));
        let storage = KvStorage::open(Arc::new(engine.clone()), clock, near, &KvConfig::default()).await;
        let (Ok(storage), Ok(guard)) = (storage, session.guard()) else {
            return;
        };
        let tablet = TabletId::new(1);
        let peers = BTreeSet::from([FAR]);
        // Errors are among the outcomes.
        drop(ended("a fill", storage.fill(tablet, session_id(), guard, FLOOR, peers)).await);
        let rows = engine
            .scan(tablet, None, usize::MAX, usize::MAX)
            .await
            .unwrap_or_default();
        let sound = |row: &tidegate_kv::Row| row.value.is_none() && row.timestamp.time <= FLOOR;
        assert!(
            rows.iter().all(sound),
            "a fill brings old tombstones and nothing else"
        );
        session.drained().await;
        peer.abort();
    });
}
