//! What clients ask of the cluster, and what the ledger is told of the answers.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use bytes::Bytes;
use tidegate_kv::{KvClient, ReadError, Write, WriteError};
use tidegate_tablets::TableId;
use tracing::{debug, error};

use super::super::oracle::{Intent, Ledger, Pending, ReadThrough};
use super::Cluster;

/// How often the loader and the scenario try again what had no clear outcome.
const TRIES: usize = 5;

impl Cluster {
    /// Writes one value.
    pub(crate) async fn put(&self, ledger: &Ledger, table: TableId, turn: usize, key: Bytes, value: Bytes) {
        let pending = ledger.begin(&key, Intent::Write(&value));
        settle(
            pending,
            &self.node_in_turn(turn).client.put(table, key, value).await,
        );
    }

    /// Deletes one key.
    pub(crate) async fn delete(&self, ledger: &Ledger, table: TableId, turn: usize, key: Bytes) {
        let pending = ledger.begin(&key, Intent::Delete);
        settle(pending, &self.node_in_turn(turn).client.delete(table, key).await);
    }

    /// Reads one key, and has the ledger look at the answer.
    pub(crate) async fn check(&self, ledger: &Ledger, table: TableId, turn: usize, key: Bytes) {
        match self.node_in_turn(turn).client.get(table, key.clone()).await {
            Ok(value) => {
                if let Err(wrong) = ledger.read(&key, value.as_deref()) {
                    // Remembered by the ledger, for the verdict.
                    error!(key = %key.escape_ascii(), %wrong, "a read shows what cannot be");
                }
            }
            Err(error) => debug!(%error, "a read had no answer"),
        }
    }

    /// Writes rows until all are acknowledged.
    pub(crate) async fn write_all(
        &self,
        ledger: &Ledger,
        table: TableId,
        turn: usize,
        rows: Vec<(Bytes, Bytes)>,
    ) -> Result<()> {
        let writes = rows
            .into_iter()
            .map(|(key, value)| Write {
                key,
                value: Some(value),
            })
            .collect();
        self.until_acknowledged(ledger, table, turn, writes)
            .await
            .map(drop)
    }

    /// Deletes keys until all deletes are acknowledged; answers the latest of their times.
    pub(crate) async fn delete_all(&self, ledger: &Ledger, table: TableId, keys: &[Bytes]) -> Result<u64> {
        let writes = keys
            .iter()
            .map(|key| Write {
                key: key.clone(),
                value: None,
            })
            .collect();
        self.until_acknowledged(ledger, table, 0, writes).await
    }

    async fn until_acknowledged(
        &self,
        ledger: &Ledger,
        table: TableId,
        turn: usize,
        mut writes: Vec<Write>,
    ) -> Result<u64> {
        let (mut latest, mut cause) = (0, None);
        for again in 0..TRIES {
            let pending: Vec<Pending> = writes
                .iter()
                .map(|write| ledger.begin(&write.key, intent(write)))
                .collect();
            let client = &self.node_in_turn(turn + again).client;
            let outcomes = client.write_many(table, writes.clone()).await;
            let mut left = Vec::new();
            for ((write, pending), outcome) in writes.into_iter().zip(pending).zip(outcomes) {
                settle(pending, &outcome);
                match outcome {
                    Ok(timestamp) => latest = latest.max(timestamp.time),
                    Err(error) => {
                        left.push(write);
                        cause = Some(error);
                    }
                }
            }
            if left.is_empty() {
                return Ok(latest);
            }
            writes = left;
        }
        match cause {
            Some(error) => Err(error).with_context(|| format!("{} rows could not be written", writes.len())),
            None => bail!("{} rows could not be written", writes.len()),
        }
    }
}

fn intent(write: &Write) -> Intent<'_> {
    write.value.as_deref().map_or(Intent::Delete, Intent::Write)
}

fn settle<T>(pending: Pending, outcome: &Result<T, WriteError>) {
    match outcome {
        Ok(_) => pending.acknowledged(),
        Err(error) if error.is_refused() => pending.refused(),
        // Dropped: unknown.
        Err(error) => debug!(%error, "a write had no clear outcome"),
    }
}

/// Reads a table through one node, for the oracle.
#[derive(Debug)]
pub(crate) struct TableReader {
    pub(super) client: Arc<KvClient>,
    pub(super) table: TableId,
}

#[async_trait]
impl ReadThrough for TableReader {
    async fn read_many(&self, keys: Vec<Bytes>) -> Vec<Result<Option<Bytes>, ReadError>> {
        self.client.read_many(self.table, keys).await
    }
}
