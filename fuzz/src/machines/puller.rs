//! A pull into an engine, from a source that plays a script for every stream.

use std::sync::Arc;

use tidegate_kv::{HybridClock, KvConfig, KvStorage, MemoryEngine, RowStore};
use tidegate_streaming::{PullError, PullReport, PullRequest, Puller, StreamingContext};
use tidegate_tablets::{NodeId, TabletId};
use tidegate_transport::Transport;

use super::cluster::{lines, network, play_all};
use super::script::Script;
use super::session::{Session, frozen};
use super::{HOSTILE, NODE, UNIT, ended, in_virtual_time, small_streams};

/// Pulls of one session, each going on from where the one before was.
const ATTEMPTS: usize = 2;

pub(crate) fn run(input: &[u8]) {
    in_virtual_time(async move {
        let mut script = Script::new(input);
        let session = Session::scripted(&mut script);
        let network = network();
        let (near, far) = (lines(&network, NODE), lines(&network, HOSTILE));
        let peer = tokio::spawn(play_all(far, script));
        let engine = MemoryEngine::with_quota(1 << 20);
        for _ in 0..ATTEMPTS {
            let pulled = ended("a pull", pull(&engine, Arc::clone(&near), &session)).await;
            let rows = engine
                .scan(TabletId::new(UNIT.as_u64()), None, usize::MAX, usize::MAX)
                .await;
            let shown = rows.is_ok_and(|rows| !rows.is_empty());
            match pulled {
                Ok(_) => break,
                // An attach that was begun goes on to its end under its own guard.
                Err(PullError::Rejected(_)) => {}
                Err(error) => assert!(!shown, "rows are to be seen of a pull that failed: {error}"),
            }
        }
        session.drained().await;
        peer.abort();
    });
}

async fn pull(
    engine: &MemoryEngine,
    transport: Arc<dyn Transport>,
    session: &Session,
) -> Result<PullReport, PullError> {
    let clock = Arc::new(HybridClock::new(NodeId::new(1), 1, || 0));
    let (store, config) = (Arc::new(engine.clone()), KvConfig::default());
    let storage = KvStorage::open(store, clock, Arc::clone(&transport), &config).await?;
    let puller = Puller::new(
        transport,
        Arc::new(storage),
        StreamingContext::new(small_streams()),
    );
    let guard = session.guard()?;
    let request = PullRequest {
        unit: UNIT,
        frozen: frozen(),
        guard,
        sources: vec![HOSTILE],
    };
    puller.pull(request).await
}
