//! Clients that read, write and delete while tablets move.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use fastrand::Rng;
use tidegate_tablets::TableId;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::cluster::Cluster;
use super::oracle::Ledger;

/// How long the operation that a client is at may take. Each has a deadline of its own, well below.
const STOP_DEADLINE: Duration = Duration::from_secs(60);

/// Clients that read, write and delete until they are stopped. Each key belongs to one of them, which has at most one
/// operation on it at a time.
#[derive(Debug)]
pub(crate) struct Clients {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

struct Client {
    cluster: Arc<Cluster>,
    ledger: Ledger,
    table: TableId,
    keys: Vec<Bytes>,
    random: Rng,
}

impl Clients {
    /// Starts `count` clients that share `keys` out among them.
    pub(crate) fn start(
        cluster: &Arc<Cluster>,
        ledger: &Ledger,
        table: TableId,
        keys: &[Bytes],
        count: usize,
        seed: u64,
    ) -> Self {
        let stop = watch::Sender::new(false);
        let mut tasks = JoinSet::new();
        for (number, seed) in (0..count).zip(seed..) {
            let client = Client {
                cluster: Arc::clone(cluster),
                ledger: ledger.clone(),
                table,
                keys: keys.iter().skip(number).step_by(count).cloned().collect(),
                random: Rng::with_seed(seed),
            };
            tasks.spawn(client.run(stop.subscribe()));
        }
        Self { stop, tasks }
    }

    /// Lets each client end the operation it is at, and waits for all of them; who is stuck is given up.
    ///
    /// # Errors
    ///
    /// A client was stuck, or panicked.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.stop.send_replace(true);
        let all = timeout(STOP_DEADLINE, async {
            while let Some(ended) = self.tasks.join_next().await {
                ended.context("a client panicked")?;
            }
            Ok(())
        });
        all.await.context("a client's operation does not end")?
    }
}

impl Client {
    async fn run(mut self, stop: watch::Receiver<bool>) {
        if self.keys.is_empty() {
            return;
        }
        while !*stop.borrow() {
            let key = self.keys[self.random.usize(..self.keys.len())].clone();
            let node = self.random.usize(..);
            match self.random.u8(..10) {
                0 => self.cluster.delete(&self.ledger, self.table, node, key).await,
                1..5 => {
                    let value: Bytes = (0..64).map(|_| self.random.u8(..)).collect();
                    self.cluster.put(&self.ledger, self.table, node, key, value).await;
                }
                _ => self.cluster.check(&self.ledger, self.table, node, key).await,
            }
        }
    }
}
