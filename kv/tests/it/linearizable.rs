//! Clients of one key while its tablet moves, goes back, is purged and moves again, and links fail.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidegate_kv::{KvClient, KvConfig, RowStore};
use tidegate_replica::Storage;
use tidegate_tablets::{Stage, TableId, TransitionKind};
use tokio::runtime::Builder;
use tokio::time::sleep;

use crate::cluster::{Cluster, node, peer, unfenced};
use crate::history::{Kind, Operation, is_linearizable};
use crate::purging::{enter, session};

/// So many lives, each of its own seed.
const SEEDS: u64 = 40;

/// Numbers from a seed: SplitMix64.
#[derive(Debug, Clone)]
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    /// Waits for up to so many milliseconds of virtual time.
    async fn pause(&mut self, millis: u64) {
        let wait = Duration::from_micros(self.below(millis * 1000));
        sleep(wait).await;
    }

    fn fork(&mut self) -> Self {
        Self(self.below(u64::MAX))
    }
}

#[derive(Debug, Default)]
struct Log {
    clock: AtomicU64,
    operations: Mutex<Vec<Operation>>,
}

impl Log {
    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    fn note(&self, kind: Kind, called: u64, answered: bool) {
        let answered = answered.then(|| self.tick());
        self.operations.lock().unwrap().push(Operation {
            kind,
            called,
            answered,
        });
    }

    async fn get(&self, client: &KvClient, table: TableId) {
        let called = self.tick();
        if let Ok(value) = client.get(table, "k".into()).await {
            let read = value.map(|value| String::from_utf8(value.to_vec()).unwrap().parse().unwrap());
            self.note(Kind::Read(read), called, true);
        }
    }

    async fn write(&self, client: &KvClient, table: TableId, value: Option<u32>) {
        let called = self.tick();
        let written = match value {
            Some(value) => client.put(table, "k".into(), value.to_string().into()).await,
            None => client.delete(table, "k".into()).await,
        };
        match written {
            Ok(_) => self.note(Kind::Write(value), called, true),
            Err(error) if error.is_refused() => {}
            Err(_) => self.note(Kind::Write(value), called, false),
        }
    }
}

async fn client(log: Arc<Log>, client: Arc<KvClient>, table: TableId, mut dice: Dice, number: u32) {
    for turn in 0..14 {
        match dice.below(10) {
            0..5 => log.get(&client, table).await,
            5..8 => log.write(&client, table, Some(number * 100 + turn)).await,
            _ => log.write(&client, table, None).await,
        }
        dice.pause(60).await;
    }
}

/// One link or node at a time fails, and comes back.
async fn faults(cluster: Arc<Cluster>, mut dice: Dice) {
    loop {
        dice.pause(150).await;
        let (a, b) = (dice.below(4) + 1, dice.below(4) + 1);
        if a == b {
            cluster.isolate(a);
            dice.pause(250).await;
            cluster.heal(a);
        } else {
            cluster.network.partition(peer(a), peer(b));
            dice.pause(250).await;
            cluster.network.heal(peer(a), peer(b));
        }
    }
}

/// Every node gets to know of the metadata at a time of its own, and then its requests of older epochs end.
async fn barrier(cluster: &Arc<Cluster>, dice: &mut Dice) {
    let nodes = (1..=4).map(|id| {
        let (cluster, mut dice) = (Arc::clone(cluster), dice.fork());
        tokio::spawn(async move {
            dice.pause(25).await;
            cluster.publish(id);
            cluster.barrier(id).await;
        })
    });
    for node in nodes.collect::<Vec<_>>() {
        node.await.unwrap();
    }
}

async fn advance(cluster: &Arc<Cluster>, dice: &mut Dice, to: Option<Stage>) {
    cluster.advance(to);
    barrier(cluster, dice).await;
    dice.pause(20).await;
}

async fn copy(cluster: &Cluster, dice: &mut Dice, from: u64, to: u64) {
    let source = &cluster.node(from).engine.inner;
    let rows = source
        .scan(cluster.tablet, None, usize::MAX, usize::MAX)
        .await
        .unwrap();
    dice.pause(40).await;
    cluster.plant(to, rows).await;
}

async fn remove(cluster: &Cluster, id: u64) {
    cluster
        .node(id)
        .engine
        .inner
        .remove(cluster.tablet, unfenced())
        .await
        .unwrap();
}

async fn transfer(cluster: &Arc<Cluster>, dice: &mut Dice, from: u64, to: u64) {
    cluster.begin(TransitionKind::Migration, Some(from), Some(to), 0);
    barrier(cluster, dice).await;
    for stage in [Stage::WriteBothReadOld, Stage::Streaming] {
        advance(cluster, dice, Some(stage)).await;
    }
    copy(cluster, dice, from, to).await;
    if dice.below(3) == 0 {
        for stage in [Stage::CleanupTarget, Stage::RevertMigration] {
            advance(cluster, dice, Some(stage)).await;
            remove(cluster, to).await;
        }
        return advance(cluster, dice, None).await;
    }
    for stage in [
        Stage::WriteBothReadNew,
        Stage::UseNew,
        Stage::Cleanup,
        Stage::EndMigration,
    ] {
        advance(cluster, dice, Some(stage)).await;
        if stage == Stage::Cleanup {
            remove(cluster, from).await;
        }
    }
    advance(cluster, dice, None).await;
}

async fn purge(cluster: &Arc<Cluster>, dice: &mut Dice) {
    let floor = cluster
        .nodes
        .values()
        .map(|node| node.clock.time())
        .max()
        .unwrap();
    cluster.begin(TransitionKind::Purge, None, None, floor);
    barrier(cluster, dice).await;
    let replicas = cluster
        .metadata
        .lock()
        .unwrap()
        .tablets
        .get(&cluster.tablet)
        .unwrap()
        .replicas
        .clone();
    for id in &replicas {
        let peers: std::collections::BTreeSet<_> =
            replicas.iter().filter(|peer| *peer != id).copied().collect();
        let storage = &cluster.node(id.as_u64()).storage;
        while storage
            .fill(
                cluster.tablet,
                session(cluster),
                enter(session(cluster)).0,
                floor,
                peers.clone(),
            )
            .await
            .is_err()
        {
            dice.pause(20).await;
        }
    }
    advance(cluster, dice, Some(Stage::Purge)).await;
    for id in &replicas {
        dice.pause(10).await;
        cluster
            .node(id.as_u64())
            .storage
            .purge(cluster.tablet, unfenced(), floor)
            .await
            .unwrap();
    }
    advance(cluster, dice, Some(Stage::EndPurge)).await;
    advance(cluster, dice, None).await;
}

/// Moves the tablet about for as long as the clients work.
async fn moves(cluster: Arc<Cluster>, mut dice: Dice) {
    loop {
        let replicas = cluster
            .metadata
            .lock()
            .unwrap()
            .tablets
            .get(&cluster.tablet)
            .unwrap()
            .replicas
            .clone();
        let away = (1..=4).find(|id| !replicas.contains(&node(*id))).unwrap();
        let leaving = (away + dice.below(3)) % 4 + 1;
        match dice.below(3) {
            0 => purge(&cluster, &mut dice).await,
            _ => transfer(&cluster, &mut dice, leaving, away).await,
        }
    }
}

async fn live(seed: u64) -> Vec<Operation> {
    let config = KvConfig {
        operation_deadline: Duration::from_millis(600),
        attempt_deadline: Duration::from_millis(200),
        ahead_wait: Duration::from_millis(100),
        settle_wait: Duration::from_millis(3),
        page_deadline: Duration::from_millis(200),
        ..KvConfig::default()
    };
    let mut dice = Dice(seed);
    let cluster = Arc::new(Cluster::start_with(4, 1, config).await);
    for (a, b) in [(1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4)] {
        let slowest = Duration::from_millis(dice.below(12));
        cluster
            .network
            .set_delay(peer(a), peer(b), Duration::ZERO..=slowest);
    }
    let log = Arc::new(Log::default());
    let clients: Vec<_> = (1..=4)
        .map(|number| {
            let there = Arc::clone(cluster.client(dice.below(4) + 1));
            tokio::spawn(client(
                Arc::clone(&log),
                there,
                cluster.table,
                dice.fork(),
                number,
            ))
        })
        .collect();
    let disturbing = [
        tokio::spawn(moves(Arc::clone(&cluster), dice.fork())),
        tokio::spawn(faults(Arc::clone(&cluster), dice.fork())),
    ];
    for client in clients {
        client.await.unwrap();
    }
    for task in disturbing {
        // What is disturbed never ends by itself: an end is a panic.
        assert!(!task.is_finished());
        task.abort();
    }
    (1..=4).for_each(|id| cluster.heal(id));
    cluster.publish_all();
    for id in 1..=4 {
        log.get(cluster.client(id), cluster.table).await;
    }
    std::mem::take(&mut *log.operations.lock().unwrap())
}

#[test]
fn single_keys_are_linearizable_whatever_happens() {
    let mut certain = 0;
    for seed in 0..SEEDS {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        let history = runtime.block_on(live(seed));
        certain += history.iter().filter(|op| op.answered.is_some()).count();
        assert!(is_linearizable(&history), "seed {seed}: {history:#?}");
    }
    assert!(
        certain > SEEDS as usize * 20,
        "too little was answered to show anything: {certain}"
    );
}
