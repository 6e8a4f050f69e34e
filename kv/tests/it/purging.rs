//! Fill, purge, and what clients see of them.

use std::sync::Arc;
use std::time::Duration;

use tidegate_guard::{Closing, Gate, Guard, OwnedEntry, Rejected, SessionId, SharedGuard};
use tidegate_kv::{KvConfig, RowStore, WriteError};
use tidegate_replica::Storage;
use tidegate_streaming::EngineError;
use tidegate_tablets::{Epoch, Stage, TransitionKind};
use tokio::time::timeout;

use crate::cluster::{Cluster, node, peer, row, unfenced};

/// A guard of a session, as a registry would give out.
#[derive(Debug)]
struct InSession {
    session: SessionId,
    gate: Arc<Gate>,
    _entry: OwnedEntry,
}

impl Guard for InSession {
    fn session(&self) -> Option<SessionId> {
        Some(self.session)
    }

    fn check(&self) -> Result<(), Rejected> {
        self.gate.check().map_err(|_| Rejected::Closing)
    }

    fn closing(&self) -> Closing<'_> {
        self.gate.closing()
    }
}

pub(crate) fn enter(session: SessionId) -> (SharedGuard, Arc<Gate>) {
    let gate = Arc::new(Gate::new());
    let guard = InSession {
        session,
        gate: Arc::clone(&gate),
        _entry: gate.enter_owned().unwrap(),
    };
    (Arc::new(guard), gate)
}

pub(crate) fn session(cluster: &Cluster) -> SessionId {
    let metadata = cluster.metadata.lock().unwrap();
    let transition = metadata
        .tablets
        .get(&cluster.tablet)
        .unwrap()
        .transition
        .clone()
        .unwrap();
    transition.session.unwrap().0
}

async fn begin_purge(cluster: &Cluster, floor: u64) {
    cluster.begin(TransitionKind::Purge, None, None, floor);
    cluster.publish_all();
    cluster.barrier_all().await;
}

async fn fill(cluster: &Cluster, id: u64, floor: u64) -> Result<(), EngineError> {
    let peers = (1..=3).filter(|peer| *peer != id).map(node).collect();
    let (guard, _) = enter(session(cluster));
    cluster
        .node(id)
        .storage
        .fill(cluster.tablet, session(cluster), guard, floor, peers)
        .await
}

async fn purge(cluster: &Cluster, floor: u64) {
    cluster.enter(Some(Stage::Purge)).await;
    for id in 1..=3 {
        cluster
            .node(id)
            .storage
            .purge(cluster.tablet, unfenced(), floor)
            .await
            .unwrap();
    }
}

const FLOOR: u64 = 100;

#[tokio::test(start_paused = true)]
async fn a_purge_drops_tombstones_and_what_they_cover_everywhere() {
    let config = KvConfig {
        page_rows_max: 2,
        ..KvConfig::default()
    };
    let cluster = Cluster::start_with(3, 1, config).await;
    // The tombstones reached only one replica, each; the values are on the others.
    let keys = ["a", "b", "c", "d", "e", "f", "g"];
    for (at, key) in keys.into_iter().enumerate() {
        let deleted_on = at as u64 % 3 + 1;
        for id in 1..=3 {
            let (time, value) = if id == deleted_on {
                (50, None)
            } else {
                (40, Some("v"))
            };
            cluster.plant(id, vec![row(key, time, value)]).await;
        }
    }
    cluster
        .plant(2, vec![row("later", FLOOR + 1, None), row("lives", 3, Some("v"))])
        .await;
    begin_purge(&cluster, FLOOR).await;
    for id in 1..=3 {
        fill(&cluster, id, FLOOR).await.unwrap();
        for key in keys {
            assert_eq!(cluster.held(id, key).await, Some(row(key, 50, None)));
        }
        assert_eq!(cluster.held(id, "later").await.is_some(), id == 2);
    }
    purge(&cluster, FLOOR).await;
    for id in 1..=3 {
        for key in keys {
            assert_eq!(cluster.held(id, key).await, None);
        }
    }
    assert_eq!(
        cluster.held(2, "later").await,
        Some(row("later", FLOOR + 1, None))
    );
    assert_eq!(
        cluster.client(1).get(cluster.table, "lives".into()).await,
        Ok(Some("v".into()))
    );
}

#[tokio::test(start_paused = true)]
async fn tombstones_are_shown_to_participants_of_that_purge_only() {
    let cluster = Cluster::start(4).await;
    let peers = || [node(1)].into();
    let stranger = cluster.node(4);
    begin_purge(&cluster, FLOOR).await;
    let named = session(&cluster);
    let other = cluster.tablet.session_at(Epoch::new(999));
    let refused = |result: Result<(), EngineError>| {
        assert!(matches!(result, Err(EngineError::Failed(_))), "{result:?}")
    };
    refused(
        stranger
            .storage
            .fill(cluster.tablet, named, enter(named).0, FLOOR, peers())
            .await,
    );
    let storage = &cluster.node(2).storage;
    refused(
        storage
            .fill(cluster.tablet, other, enter(other).0, FLOOR, peers())
            .await,
    );
    refused(
        storage
            .fill(cluster.tablet, named, enter(named).0, FLOOR + 1, peers())
            .await,
    );
    storage
        .fill(cluster.tablet, named, enter(named).0, FLOOR, peers())
        .await
        .unwrap();
    // What the peers compare is the session that is named to them, whatever guard it runs under.
    storage
        .fill(cluster.tablet, named, unfenced(), FLOOR, peers())
        .await
        .unwrap();
    refused(
        storage
            .fill(cluster.tablet, other, unfenced(), FLOOR, peers())
            .await,
    );
    cluster.enter(Some(Stage::Purge)).await;
    refused(
        storage
            .fill(cluster.tablet, named, enter(named).0, FLOOR, peers())
            .await,
    );
}

#[tokio::test(start_paused = true)]
async fn a_fill_ends_when_its_session_closes() {
    let cluster = Cluster::start(3).await;
    begin_purge(&cluster, FLOOR).await;
    let slow = Duration::from_secs(3);
    cluster.network.set_delay(peer(1), peer(2), slow..=slow);
    let (guard, gate) = enter(session(&cluster));
    let fill =
        cluster
            .node(1)
            .storage
            .fill(cluster.tablet, session(&cluster), guard, FLOOR, [node(2)].into());
    let mut fill = std::pin::pin!(fill);
    assert!(timeout(Duration::from_millis(100), &mut fill).await.is_err());
    gate.close();
    let ended = timeout(Duration::from_millis(1), fill).await.unwrap();
    assert!(matches!(ended, Err(EngineError::Rejected(Rejected::Closing))));
    gate.drained().await;
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_being_merged_holds_the_session_though_the_fill_is_gone() {
    let cluster = Cluster::start(3).await;
    cluster.plant(2, vec![row("k", 50, None)]).await;
    begin_purge(&cluster, FLOOR).await;
    cluster.node(1).engine.hold();
    let (guard, gate) = enter(session(&cluster));
    let fill =
        cluster
            .node(1)
            .storage
            .fill(cluster.tablet, session(&cluster), guard, FLOOR, [node(2)].into());
    {
        let fill = std::pin::pin!(fill);
        tokio::select! {
            _ = fill => panic!("the engine is held"),
            () = cluster.node(1).engine.writes_held(1) => {}
        }
    }
    gate.close();
    assert!(timeout(Duration::from_secs(60), gate.drained()).await.is_err());
    cluster.node(1).engine.release();
    gate.drained().await;
    assert_eq!(cluster.held(1, "k").await, None, "refused at the last step");
}

#[tokio::test(start_paused = true)]
async fn after_its_first_change_every_write_is_later_than_the_floor() {
    let cluster = Cluster::start(3).await;
    let floor = 1 << 50;
    begin_purge(&cluster, floor).await;
    for id in 1..=3 {
        assert!(cluster.node(id).clock.time() > floor);
    }
    let written = cluster
        .client(1)
        .put(cluster.table, "k".into(), "v".into())
        .await
        .unwrap();
    assert!(written.time > floor);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_not_later_than_the_floor_is_not_tried_again() {
    let cluster = Cluster::start(4).await;
    for id in [1, 2, 3] {
        cluster.node(id).engine.hold();
    }
    let client = cluster.client(4).clone();
    let table = cluster.table;
    let put = tokio::spawn(async move { client.put(table, "k".into(), "v".into()).await });
    for id in [1, 2, 3] {
        cluster.node(id).engine.writes_held(1).await;
    }
    cluster.begin(TransitionKind::Purge, None, None, 1 << 50);
    cluster.publish_all();
    for id in [1, 2, 3] {
        cluster
            .node(id)
            .admit
            .fence
            .raise(cluster.tablet, cluster.epoch());
        cluster.node(id).engine.release();
    }
    let put = put.await.unwrap();
    assert!(matches!(put, Err(WriteError::OutcomeUnknown { .. })), "{put:?}");
    cluster.barrier_all().await;
    for id in 1..=3 {
        assert_eq!(cluster.held(id, "k").await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_queued_write_that_is_older_than_the_purge_does_not_bring_the_row_back() {
    let cluster = Cluster::start(4).await;
    let slow = Duration::from_secs(2);
    cluster.network.set_delay(peer(4), peer(3), slow..=slow);
    cluster
        .client(4)
        .put(cluster.table, "k".into(), "v".into())
        .await
        .unwrap();
    let deleted = cluster.client(1).delete(cluster.table, "k".into()).await.unwrap();
    begin_purge(&cluster, deleted.time).await;
    for id in 1..=3 {
        fill(&cluster, id, deleted.time).await.unwrap();
    }
    purge(&cluster, deleted.time).await;
    cluster.enter(Some(Stage::EndPurge)).await;
    cluster.enter(None).await;
    tokio::time::sleep(slow * 5).await;
    for id in 1..=3 {
        assert_eq!(cluster.held(id, "k").await, None);
    }
    assert_eq!(cluster.client(4).get(cluster.table, "k".into()).await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn a_read_in_the_middle_of_a_purge_brings_no_tombstone_back() {
    let cluster = Cluster::start(3).await;
    let deleted = cluster.client(1).delete(cluster.table, "k".into()).await.unwrap();
    begin_purge(&cluster, deleted.time).await;
    for id in 1..=3 {
        fill(&cluster, id, deleted.time).await.unwrap();
    }
    cluster.enter(Some(Stage::Purge)).await;
    for id in [2, 3] {
        cluster
            .node(id)
            .storage
            .purge(cluster.tablet, unfenced(), deleted.time)
            .await
            .unwrap();
    }
    for id in 1..=3 {
        assert_eq!(cluster.client(id).get(cluster.table, "k".into()).await, Ok(None));
    }
    assert_eq!(cluster.held(2, "k").await, None);
    assert_eq!(cluster.held(3, "k").await, None);
    assert!(cluster.node(2).engine.inner.tablets().await.unwrap().is_empty());
}
