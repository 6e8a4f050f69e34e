//! Requests while a real coordinator and real replicas move and purge the tablets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tidegate_coordinator::{Coordinator, CoordinatorConfig, Ended, Operator};
use tidegate_kv::{HybridClock, KvClient, KvConfig, KvService, KvStorage, MemoryEngine, RowStore, Write};
use tidegate_replica::{Replica, ReplicaClient, ReplicaConfig, ReplicaParts};
use tidegate_session::{SessionConfig, SessionRegistry};
use tidegate_streaming::{StreamingContext, TargetEngine};
use tidegate_tablets::{LocalConfig, LocalLog, LocalStore, MetadataStore, NodeId, TableId, TabletId};
use tidegate_transport::Transport;
use tidegate_transport::service::{Router, RouterConfig};
use tidegate_transport_mem::{MemConfig, MemNetwork};
use tokio::sync::watch;

use crate::cluster::{node, peer};

struct Node {
    store: Arc<LocalStore>,
    transport: Arc<dyn Transport>,
    replica: Arc<Replica>,
    engine: MemoryEngine,
    clock: Arc<HybridClock>,
    client: Arc<KvClient>,
}

async fn start(network: &MemNetwork, log: &Arc<LocalLog>, id: u64) -> Node {
    let config = KvConfig::default();
    let transport: Arc<dyn Transport> = network.join(peer(id)).unwrap();
    let clock = Arc::new(HybridClock::new(node(id), 1, || 1_000_u64));
    let engine = MemoryEngine::new();
    let rows: Arc<dyn RowStore> = Arc::new(engine.clone());
    let storage = KvStorage::open(
        Arc::clone(&rows),
        Arc::clone(&clock),
        Arc::clone(&transport),
        &config,
    )
    .await
    .unwrap();
    let store = log.store(node(id));
    let replica = Replica::start(ReplicaParts {
        node: node(id),
        store: Arc::clone(&store) as _,
        sessions: SessionRegistry::new(SessionConfig::default()),
        storage: Arc::new(storage),
        transport: Arc::clone(&transport),
        streaming: StreamingContext::default(),
        config: ReplicaConfig::default(),
    });
    let requests = KvService::new(
        Arc::clone(&replica) as _,
        rows,
        Arc::clone(&clock),
        config.clone(),
    );
    let (service, requests) = requests.into_service();
    let mut router = Router::new(Arc::clone(&transport), RouterConfig::default()).with(service, requests);
    for (service, answers) in replica.services() {
        router = router.with(service, answers);
    }
    tokio::spawn(async move { router.run().await });
    let client = KvClient::new(
        Arc::clone(&replica) as _,
        Arc::clone(&transport),
        Arc::clone(&clock),
        config,
    );
    Node {
        store,
        transport,
        replica,
        engine,
        clock,
        client: Arc::new(client),
    }
}

fn key(number: u64) -> Bytes {
    format!("key {number}").into()
}

/// Writes, deletes and reads its own keys until it is told to end; answers what they hold.
async fn work(
    client: Arc<KvClient>,
    table: TableId,
    first: u64,
    moving: watch::Receiver<bool>,
) -> BTreeMap<Bytes, Option<Bytes>> {
    let mut held = BTreeMap::new();
    for round in 0_u64.. {
        if !*moving.borrow() {
            assert!(round > 5, "only {round} rounds were done");
            break;
        }
        for number in first..first + 8 {
            let value = ((round + number) % 4 > 0).then(|| Bytes::from(format!("{round} {number}")));
            let write = Write {
                key: key(number),
                value: value.clone(),
            };
            client.write_many(table, vec![write]).await.remove(0).unwrap();
            assert_eq!(client.get(table, key(number)).await, Ok(value.clone()));
            held.insert(key(number), value);
        }
        tokio::task::yield_now().await;
    }
    held
}

async fn moves(operator: &Operator, tablets: &[TabletId], from: NodeId, to: NodeId) {
    let mut begun = Vec::new();
    for tablet in tablets {
        begun.push((*tablet, operator.move_tablet(*tablet, from, to).await.unwrap()));
    }
    for (tablet, epoch) in begun {
        assert_eq!(operator.wait_for_end(tablet, epoch).await, Ok(Ended::Completed));
    }
}

async fn purges(operator: &Operator, tablets: &[TabletId], floor: u64) {
    for tablet in tablets {
        let begun = operator.purge(*tablet, floor).await.unwrap();
        assert_eq!(operator.wait_for_end(*tablet, begun).await, Ok(Ended::Completed));
    }
}

#[tokio::test(start_paused = true)]
async fn clients_notice_nothing_of_moves_and_purges() {
    let network = MemNetwork::new(MemConfig::default());
    let log = LocalLog::new(LocalConfig::default());
    let mut nodes = Vec::new();
    for id in 1..=4 {
        nodes.push(start(&network, &log, id).await);
    }
    let store: Arc<dyn MetadataStore> = Arc::clone(&nodes[0].store) as _;
    let participants = Arc::new(ReplicaClient::new(Arc::clone(&nodes[0].transport)));
    let coordinator = Coordinator::start(Arc::clone(&store), participants, CoordinatorConfig::default());
    let operator = Operator::new(Arc::clone(&store));
    for id in 1..=4 {
        operator.add_node(node(id)).await.unwrap();
    }
    let replicas = vec![[1, 2, 3].map(node).into(); 4];
    let table = operator.create_table("t", replicas).await.unwrap();
    let version = store.read_barrier().await.unwrap();
    for node in &nodes {
        node.replica
            .wait_version(version, Duration::from_secs(9))
            .await
            .unwrap();
    }
    let tablets = store.snapshot().tables.get(&table).unwrap().tablets.clone();

    let moving = watch::Sender::new(true);
    let workers: Vec<_> = (0..4)
        .map(|at| {
            tokio::spawn(work(
                Arc::clone(&nodes[at].client),
                table,
                at as u64 * 100,
                moving.subscribe(),
            ))
        })
        .collect();
    // Twice round; a tablet's second move is where a lost drain or session would show.
    for (from, to) in [(1, 4), (2, 1), (3, 2), (4, 3), (1, 4), (2, 1), (3, 2), (4, 3)] {
        moves(&operator, &tablets, node(from), node(to)).await;
        purges(&operator, &tablets, nodes[1].clock.time()).await;
    }
    moving.send_replace(false);
    let mut held = BTreeMap::new();
    for worker in workers {
        held.extend(worker.await.unwrap());
    }
    let floor = nodes.iter().map(|node| node.clock.time()).max().unwrap();
    purges(&operator, &tablets, floor).await;

    for node in &nodes {
        let read = node.client.read_many(table, held.keys().cloned().collect()).await;
        for (read, (key, value)) in read.into_iter().zip(&held) {
            assert_eq!(read.as_ref(), Ok(value), "{key:?}");
        }
    }
    for (at, node) in nodes.iter().enumerate() {
        let mut rows = 0;
        for tablet in &tablets {
            let all = node
                .engine
                .scan(*tablet, None, usize::MAX, usize::MAX)
                .await
                .unwrap();
            assert!(all.iter().all(|row| row.value.is_some()), "a tombstone was left");
            assert!(
                all.iter().all(|row| held.get(&row.key) == Some(&row.value)),
                "a row came back"
            );
            rows += all.len();
        }
        let live = held.values().flatten().count();
        assert_eq!(rows, if at == 3 { 0 } else { live }, "node {}", at + 1);
        assert!(node.engine.staged().await.unwrap().is_empty());
    }
    coordinator.stop().await;
    for node in &nodes {
        node.replica.stop().await;
    }
}
