//! Clients that read and write as fast as they are answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tidegate_kv::KvClient;
use tidegate_tablets::TableId;
use tokio::task::JoinSet;

use super::ground::{any_key, any_value};
use super::runs::Figures;
use crate::cluster::Cluster;

const READERS: usize = 4;
const WRITERS: usize = 2;

/// How requests of one kind were answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answers {
    pub(super) per_second: f64,
    pub(super) p99_ms: f64,
}

/// Clients that run.
pub(super) struct Clients {
    running: JoinSet<Result<Times>>,
    lasts: Duration,
}

/// How long each of a client's requests took.
struct Times {
    is_reader: bool,
    each: Vec<Duration>,
}

impl Clients {
    /// Has them run for so long, each on the node of its turn.
    pub(super) fn start(cluster: &Cluster, table: TableId, lasts: Duration) -> Result<Self> {
        let nodes = cluster.nodes();
        let until = Instant::now() + lasts;
        let mut running = JoinSet::new();
        for number in 0..READERS + WRITERS {
            let client = nodes[number % nodes.len()].client.clone();
            let client = client.context("the node serves no requests")?;
            let is_reader = number < READERS;
            running.spawn(async move {
                let each = if is_reader {
                    read(&client, table, until).await?
                } else {
                    write(&client, table, until).await?
                };
                Ok(Times { is_reader, each })
            });
        }
        Ok(Self { running, lasts })
    }

    /// What came of them all.
    pub(super) async fn ended(mut self) -> Result<Figures> {
        let (mut reads, mut writes) = (Vec::new(), Vec::new());
        while let Some(times) = self.running.join_next().await {
            let times = times??;
            if times.is_reader {
                reads.extend(times.each);
            } else {
                writes.extend(times.each);
            }
        }
        Ok(Figures {
            reads: Answers::of(reads, self.lasts)?,
            writes: Answers::of(writes, self.lasts)?,
        })
    }
}

impl Answers {
    fn of(mut times: Vec<Duration>, lasts: Duration) -> Result<Self> {
        times.sort_unstable();
        let rank = (times.len() * 99).div_ceil(100).saturating_sub(1);
        let p99 = times.get(rank).context("no request was answered")?;
        Ok(Self {
            per_second: times.len() as f64 / lasts.as_secs_f64(),
            p99_ms: p99.as_secs_f64() * 1e3,
        })
    }
}

async fn read(client: &Arc<KvClient>, table: TableId, until: Instant) -> Result<Vec<Duration>> {
    let mut each = Vec::new();
    loop {
        let asked = Instant::now();
        if asked >= until {
            return Ok(each);
        }
        let value = client.get(table, any_key()).await.context("a read")?;
        each.push(asked.elapsed());
        let value = value.context("a key that was written has no value")?;
        ensure!(
            value.len() == any_value().len(),
            "a value of {} bytes",
            value.len()
        );
    }
}

async fn write(client: &Arc<KvClient>, table: TableId, until: Instant) -> Result<Vec<Duration>> {
    let mut each = Vec::new();
    loop {
        let (key, value) = (any_key(), any_value());
        let asked = Instant::now();
        if asked >= until {
            return Ok(each);
        }
        client.put(table, key, value).await.context("a write")?;
        each.push(asked.elapsed());
    }
}
