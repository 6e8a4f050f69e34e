//! A cluster with rows in it.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use tempfile::TempDir;
use tidegate_engine_fjall::{FjallConfig, FjallEngine};
use tidegate_guard::Unfenced;
use tidegate_kv::{Row, RowStore, Timestamp, token_of};
use tidegate_session::Sessions as _;
use tidegate_streaming::TargetEngine as _;
use tidegate_tablets::{TableId, TabletId};
use tokio::runtime::Runtime;
use tokio::time::{interval, timeout};

use super::clients::Clients;
use super::mover::Mover;
use super::runs::{Figures, Load};
use crate::cluster::{self, Cluster, Data, PATIENCE, spread};

const NODES: u64 = 4;
const REPLICAS: u64 = 3;
const TABLETS: usize = 16;
const ROWS: u64 = 16 * 8192;
pub(super) const VALUE_BYTES: usize = 1024;

/// Bytes per second that each node may send under a throttle.
const THROTTLE: NonZeroU64 = NonZeroU64::new(16 << 20).expect("not zero");

/// Rows that are written together when the table is filled.
const FILL_ROWS: usize = 1024;

/// What the nodes are connected by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Network {
    Mem,
    Quic,
}

impl Network {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Mem => "mem",
            Self::Quic => "quic",
        }
    }
}

/// A cluster with a table full of rows.
pub(super) struct Ground {
    runtime: Runtime,
    /// Taken only where it is stopped.
    cluster: Option<Arc<Cluster>>,
    engines: Vec<Arc<FjallEngine>>,
    table: TableId,
    tablets: Vec<TabletId>,
    _data: TempDir,
}

/// The key of that number.
pub(super) fn key(number: u64) -> Bytes {
    Bytes::from(format!("{number:016x}"))
}

/// Some key that the table has.
pub(super) fn any_key() -> Bytes {
    key(fastrand::u64(..ROWS))
}

/// A value that cannot be compressed.
pub(super) fn any_value() -> Bytes {
    let mut value = vec![0; VALUE_BYTES];
    fastrand::fill(&mut value);
    value.into()
}

impl Ground {
    /// Starts the nodes, and fills the table.
    pub(super) fn start(network: Network) -> Result<Self> {
        let runtime = cluster::runtime()?;
        let data = tempfile::tempdir()?;
        let started = async {
            let transports = match network {
                Network::Mem => cluster::mem(NODES)?,
                Network::Quic => cluster::quic(NODES)?,
            };
            let (mut ground, mut engines) = (Vec::new(), Vec::new());
            for (number, transport) in transports.into_iter().enumerate() {
                let path = data.path().join(number.to_string());
                let engine = FjallEngine::open(path, FjallConfig::default()).await?;
                ground.push((transport, Data::Rows(Arc::clone(&engine) as _)));
                engines.push(engine);
            }
            let cluster = Arc::new(Cluster::start(ground).await?);
            let (table, tablets) = cluster.create_table(spread(TABLETS, REPLICAS, NODES)).await?;
            fill(&cluster, &engines, table).await?;
            anyhow::Ok((cluster, engines, table, tablets))
        };
        let (cluster, engines, table, tablets) = runtime.block_on(started)?;
        Ok(Self {
            runtime,
            cluster: Some(cluster),
            engines,
            table,
            tablets,
            _data: data,
        })
    }

    /// Reads and writes for so long beside that load.
    ///
    /// # Errors
    ///
    /// A request failed, or less moved than the load says.
    pub(super) fn run(&self, load: Load, lasts: Duration) -> Result<Figures> {
        let cluster = self.cluster.as_ref().context("the cluster is gone")?;
        self.runtime.block_on(async {
            throttle(cluster, load.is_throttled.then_some(THROTTLE));
            let mover = Mover::start(cluster, &self.tablets, load.moves).await?;
            let answers = Clients::start(cluster, self.table, lasts)?.ended().await?;
            let sampled = mover.stop();
            // What still moves need not take its time any more.
            throttle(cluster, None);
            sampled.ended().await?;
            let quiet = timeout(PATIENCE, self.quiet(cluster)).await;
            quiet.context("the nodes do not come to rest")??;
            Ok(answers)
        })
    }

    /// Waits until nothing is held or staged on any node.
    async fn quiet(&self, cluster: &Cluster) -> Result<()> {
        let mut pace = interval(Duration::from_millis(20));
        for (node, engine) in cluster.nodes().iter().zip(&self.engines) {
            let sessions = &node.sessions;
            while !sessions.open_sessions().is_empty()
                || !sessions.closing_sessions().is_empty()
                || !engine.as_ref().staged().await?.is_empty()
            {
                pace.tick().await;
            }
        }
        Ok(())
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let cluster = self.cluster.take().and_then(Arc::into_inner);
        self.runtime.block_on(async {
            if let Some(cluster) = cluster {
                cluster.stop().await;
            }
            for engine in &self.engines {
                // Its directory goes away in any case.
                drop(engine.close().await);
            }
        });
    }
}

fn throttle(cluster: &Cluster, bytes_per_second: Option<NonZeroU64>) {
    for node in cluster.nodes() {
        node.streaming.send_throttle().set(bytes_per_second);
    }
}

/// Puts the same rows into every replica, past all requests.
async fn fill(cluster: &Cluster, engines: &[Arc<FjallEngine>], table: TableId) -> Result<()> {
    let map = cluster.map();
    let mut rows: std::collections::BTreeMap<TabletId, Vec<Row>> = std::collections::BTreeMap::new();
    for number in 0..ROWS {
        let key = key(number);
        let (tablet, _) = map
            .tablet_of(table, token_of(&key))
            .context("a key of no tablet")?;
        let timestamp = Timestamp {
            time: number + 1,
            node: 0,
            start: 0,
        };
        let value = Some(any_value());
        rows.entry(tablet).or_default().push(Row {
            key,
            timestamp,
            value,
        });
    }
    for (tablet, rows) in rows {
        let replicas = &map.tablets.get(&tablet).context("the tablet is gone")?.replicas;
        for (node, engine) in cluster.nodes().iter().zip(engines) {
            if replicas.contains(&node.id) {
                for rows in rows.chunks(FILL_ROWS) {
                    engine.write(tablet, Arc::new(Unfenced), rows.to_vec()).await?;
                }
            }
        }
    }
    Ok(())
}
