//! Clients: several on few keys, each one operation at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tidegate_kv::WriteError;
use tidegate_tablets::TableId;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::cluster::{Cluster, Node};
use crate::dice::Dice;
use crate::event::{ClientAnswer, ClientOp, Event};
use crate::recorder::Recorder;

/// The wait of a client that has done what it had to, and goes on until the others have.
const SLOW: Duration = Duration::from_millis(400);

/// Clients: several on few keys, each one operation at a time.
#[derive(Debug)]
pub(crate) struct Clients {
    cluster: Arc<Cluster>,
    tables: Vec<TableId>,
    next_op: AtomicU64,
    ends: AtomicBool,
}

/// Who asks, and of what.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) client: u64,
    pub(crate) table: TableId,
    pub(crate) key: Bytes,
    pub(crate) what: ClientOp,
}

impl Clients {
    pub(crate) fn new(cluster: Arc<Cluster>, tables: Vec<TableId>) -> Arc<Self> {
        Arc::new(Self {
            cluster,
            tables,
            next_op: AtomicU64::new(0),
            ends: AtomicBool::new(false),
        })
    }

    /// Starts all of them.
    pub(crate) fn start(self: &Arc<Self>) -> Vec<JoinHandle<()>> {
        let plan = &self.cluster.plan;
        let start = |client| {
            let dice = Dice::new(plan.seed, &format!("client {client}"));
            self.cluster.spawn(Arc::clone(self).run(client, dice))
        };
        (1..=plan.clients.count).map(start).collect()
    }

    /// Has each end once it has done what it had to.
    pub(crate) fn end(&self) {
        self.ends.store(true, Ordering::Relaxed);
    }

    async fn run(self: Arc<Self>, client: u64, dice: Dice) {
        let plan = self.cluster.plan.clients.clone();
        for turn in 0.. {
            if self.cluster.recorder().is_violated() {
                return;
            }
            if turn >= plan.operations {
                if self.ends.load(Ordering::Relaxed) {
                    return;
                }
                sleep(SLOW).await;
            } else {
                sleep(dice.time(&plan.think)).await;
            }
            let up = self.cluster.up();
            let (Some(node), Some(table)) = (dice.one_of(&up), dice.one_of(&self.tables)) else {
                continue;
            };
            let ask = Ask {
                client,
                table: *table,
                key: self.key(&dice),
                what: self.what(client, turn, &dice),
            };
            self.ask(node, ask).await;
        }
    }

    fn key(&self, dice: &Dice) -> Bytes {
        let plan = &self.cluster.plan.clients;
        if dice.happens(0.85) {
            hot_key(dice.number(1..=plan.hot_keys))
        } else {
            cold_key(dice.number(1..=plan.cold_keys))
        }
    }

    fn what(&self, client: u64, turn: u64, dice: &Dice) -> ClientOp {
        match dice.below(10) {
            0..4 => ClientOp::Get,
            4..8 => ClientOp::Put(format!("{client}.{turn}").into()),
            _ => ClientOp::Delete,
        }
    }

    /// Writes every cold key once.
    pub(crate) async fn load(&self, node: &Node) {
        for table in &self.tables {
            for number in 1..=self.cluster.plan.clients.cold_keys {
                let ask = Ask {
                    client: 0,
                    table: *table,
                    key: cold_key(number),
                    what: ClientOp::Put(format!("0.{number}").into()),
                };
                self.ask(node, ask).await;
            }
        }
    }

    /// Writes a key of each table through every node that is up. Nothing goes wrong any more: nothing may fail.
    pub(crate) async fn write_last(&self) -> Result<(), String> {
        for node in self.cluster.up() {
            let map = self.cluster.map();
            let there = self.tables.iter().filter(|table| map.tables.contains_key(table));
            for table in there {
                let ask = Ask {
                    client: 0,
                    table: *table,
                    key: hot_key(1),
                    what: ClientOp::Put(format!("0.last.{}", node.id).into()),
                };
                self.ask_well(&node, ask).await?;
            }
        }
        Ok(())
    }

    /// Reads every key through every node that is up; as [`write_last`](Self::write_last).
    pub(crate) async fn read_all(&self) -> Result<(), String> {
        let plan = &self.cluster.plan.clients;
        let hot = (1..=plan.hot_keys).map(hot_key);
        let keys: Vec<Bytes> = hot.chain((1..=plan.cold_keys).map(cold_key)).collect();
        for node in self.cluster.up() {
            let map = self.cluster.map();
            let there = self.tables.iter().filter(|table| map.tables.contains_key(table));
            for table in there {
                for key in &keys {
                    let ask = Ask {
                        client: 0,
                        table: *table,
                        key: key.clone(),
                        what: ClientOp::Get,
                    };
                    self.ask_well(&node, ask).await?;
                }
            }
        }
        Ok(())
    }

    async fn ask_well(&self, node: &Node, asked: Ask) -> Result<(), String> {
        let what = format!("{:?} of {:?} through n{}", asked.what, asked.key, node.id);
        match self.ask(node, asked).await {
            ClientAnswer::Value(_) | ClientAnswer::Done => Ok(()),
            ClientAnswer::Failed | ClientAnswer::Unknown => {
                Err(format!("{what} fails, and nothing goes wrong any more"))
            }
        }
    }

    async fn ask(&self, node: &Node, asked: Ask) -> ClientAnswer {
        let op = self.next_op.fetch_add(1, Ordering::Relaxed);
        ask(self.cluster.recorder(), node, op, asked).await
    }
}

/// Asks a node, and records that and what is heard.
pub(crate) async fn ask(recorder: &Recorder, node: &Node, op: u64, asked: Ask) -> ClientAnswer {
    let Ask {
        client,
        table,
        key,
        what,
    } = asked;
    recorder.record(Event::Invoked {
        op,
        client,
        node: node.id,
        table,
        key: key.clone(),
        what: what.clone(),
    });
    let lost = match what {
        ClientOp::Get => ClientAnswer::Failed,
        _ => ClientAnswer::Unknown,
    };
    let heard = tokio::select! {
        biased;
        () = node.crashed() => lost,
        heard = answer(node, table, key, what) => heard,
    };
    recorder.record(Event::Returned {
        op,
        answer: heard.clone(),
    });
    heard
}

async fn answer(node: &Node, table: TableId, key: Bytes, what: ClientOp) -> ClientAnswer {
    let written = match what {
        ClientOp::Get => {
            let read = node.client.get(table, key).await;
            return read.map_or(ClientAnswer::Failed, ClientAnswer::Value);
        }
        ClientOp::Put(value) => node.client.put(table, key, value).await,
        ClientOp::Delete => node.client.delete(table, key).await,
    };
    match written {
        Ok(_) => ClientAnswer::Done,
        Err(error) if WriteError::is_refused(&error) => ClientAnswer::Failed,
        Err(_) => ClientAnswer::Unknown,
    }
}

fn hot_key(number: u64) -> Bytes {
    format!("hot {number}").into()
}

fn cold_key(number: u64) -> Bytes {
    format!("cold {number}").into()
}
