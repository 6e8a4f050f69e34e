//! A client's side of requests, on any node.

mod attempt;
mod errors;
mod group;
mod read;
mod write;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use tidegate_tablets::{TableId, TabletId};
use tidegate_transport::Transport;

use self::attempt::GaveUp;
pub use self::errors::{ReadError, WriteError};
use self::group::{PartLimits, parts_of};
use self::read::ReadAttempt;
use self::write::WriteAttempt;
use crate::calls::Calls;
use crate::{Admit, HybridClock, KvConfig, Row, RowRef, Timestamp};

/// What a client wants written: `None` deletes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The key.
    pub key: Bytes,
    /// The value; `None` deletes the key.
    pub value: Option<Bytes>,
}

impl Write {
    /// Bytes that the row takes in a batch.
    fn encoded_len(&self) -> usize {
        let timestamp = Timestamp::default();
        RowRef {
            key: &self.key,
            timestamp,
            value: self.value.as_deref(),
        }
        .encoded_len()
    }
}

/// Reads and writes keys, on any node, replica or not.
///
/// Single keys are linearizable, also while their tablet moves. Batches are many single keys: each has an outcome of
/// its own, and there is no order between them, but for the writes of one key in one batch, of which the last stays.
///
/// # Cancel safety
///
/// A read may be dropped at any time. A write that is dropped may or may not come to pass.
#[derive(Debug)]
pub struct KvClient {
    admit: Arc<dyn Admit>,
    clock: Arc<HybridClock>,
    calls: Calls,
    config: KvConfig,
}

impl KvClient {
    /// A client that goes by the map of this node, and takes timestamps from its clock.
    #[must_use]
    pub fn new(
        admit: Arc<dyn Admit>,
        transport: Arc<dyn Transport>,
        clock: Arc<HybridClock>,
        config: KvConfig,
    ) -> Self {
        let calls = Calls::new(transport, Arc::clone(&clock), &config);
        Self {
            admit,
            clock,
            calls,
            config,
        }
    }

    /// The value of a key; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn get(&self, table: TableId, key: Bytes) -> Result<Option<Bytes>, ReadError> {
        // One answer per key.
        self.read_many(table, vec![key]).await.swap_remove(0)
    }

    /// Sets the value of a key; answers when it was written, in the order of all writes.
    ///
    /// # Errors
    ///
    /// [`WriteError`].
    ///
    /// # Cancel safety
    ///
    /// Dropped, it may or may not come to pass.
    pub async fn put(&self, table: TableId, key: Bytes, value: Bytes) -> Result<Timestamp, WriteError> {
        self.write_many(
            table,
            vec![Write {
                key,
                value: Some(value),
            }],
        )
        .await
        .swap_remove(0)
    }

    /// Deletes a key, whether it is there or not.
    ///
    /// # Errors
    ///
    /// [`WriteError`].
    ///
    /// # Cancel safety
    ///
    /// Dropped, it may or may not come to pass.
    pub async fn delete(&self, table: TableId, key: Bytes) -> Result<Timestamp, WriteError> {
        self.write_many(table, vec![Write { key, value: None }])
            .await
            .swap_remove(0)
    }

    /// The values of many keys, in their order.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn read_many(&self, table: TableId, keys: Vec<Bytes>) -> Vec<Result<Option<Bytes>, ReadError>> {
        let Some(map) = self.admit.map() else {
            return keys.iter().map(|_| Err(ReadError::NotRunning)).collect();
        };
        let limits = PartLimits {
            keys_max: self.config.engine_keys_max,
            bytes_max: self.config.batch_bytes_max,
        };
        let items = keys.iter().enumerate().filter(|(_, key)| self.config.allows(key));
        let items = items.map(|(at, key)| (at, key, key.len() + 4));
        let reads = parts_of(&map, table, items, limits).into_iter().map(|part| {
            let keys = part.items.iter().map(|at| keys[*at].clone()).collect();
            async move { (self.read_part(table, part.tablet, keys).await, part.items) }
        });
        let mut reads = stream::iter(reads).buffer_unordered(self.config.batches_in_flight.max(1));
        // What no row may have for a key has no value.
        let refused = |key: &Bytes| match self.config.allows(key) {
            false if map.tables.contains_key(&table) => Ok(None),
            _ => Err(ReadError::NoTable(table)),
        };
        let mut results: Vec<_> = keys.iter().map(refused).collect();
        while let Some((read, items)) = reads.next().await {
            let values = read.map(|rows| rows.into_iter().map(|row| row.and_then(|row| row.value)));
            settle(&mut results, items, values);
        }
        results
    }

    /// Writes many keys; answers when each was written, in their order.
    ///
    /// # Cancel safety
    ///
    /// Dropped, each write may or may not come to pass.
    pub async fn write_many(&self, table: TableId, writes: Vec<Write>) -> Vec<Result<Timestamp, WriteError>> {
        let Some(map) = self.admit.map() else {
            return writes.iter().map(|_| Err(WriteError::NotRunning)).collect();
        };
        let limits = PartLimits {
            keys_max: self.config.batch_keys_max,
            bytes_max: self.config.batch_bytes_max,
        };
        let items = writes
            .iter()
            .enumerate()
            .map(|(at, write)| (at, &write.key, write.encoded_len()));
        let allowed = |key: &Bytes, bytes| bytes <= limits.bytes_max && self.config.allows(key);
        let items = items.filter(|(_, key, bytes)| allowed(key, *bytes));
        let parts = parts_of(&map, table, items, limits).into_iter().map(|part| {
            let writes = part.items.iter().map(|at| writes[*at].clone()).collect();
            async move { (self.write_part(table, part.tablet, writes).await, part.items) }
        });
        let mut parts = stream::iter(parts).buffer_unordered(self.config.batches_in_flight.max(1));
        let refused = |write: &Write| {
            Err(match (write.encoded_len(), write.key.len()) {
                (len, _) if len > limits.bytes_max => WriteError::TooLong {
                    len,
                    max: limits.bytes_max,
                },
                (_, len) if !self.config.allows(&write.key) => WriteError::KeyLength {
                    len,
                    max: self.config.key_bytes_max,
                },
                _ => WriteError::NoTable(table),
            })
        };
        let mut results: Vec<_> = writes.iter().map(refused).collect();
        while let Some((written, items)) = parts.next().await {
            settle(&mut results, items, written.map(Vec::into_iter));
        }
        results
    }

    async fn read_part(
        &self,
        table: TableId,
        tablet: TabletId,
        keys: Vec<Bytes>,
    ) -> Result<Vec<Option<Row>>, ReadError> {
        let mut read = ReadAttempt::new(&self.calls, &keys, &self.config);
        attempt::run(&mut read, tablet, &*self.admit, &self.config)
            .await
            .map_err(|gave_up| match gave_up {
                GaveUp::NoTablet => ReadError::NoTable(table),
                GaveUp::TimedOut { waited, cause } => ReadError::NoQuorum { waited, cause },
                GaveUp::Stopped { waited, cause } => ReadError::NoQuorum {
                    waited,
                    cause: cause.to_owned(),
                },
            })
    }

    async fn write_part(
        &self,
        table: TableId,
        tablet: TabletId,
        writes: Vec<Write>,
    ) -> Result<Vec<Timestamp>, WriteError> {
        let mut write = WriteAttempt::new(&self.calls, &self.clock, &writes);
        let written = attempt::run(&mut write, tablet, &*self.admit, &self.config).await;
        let sent = write.was_sent();
        written.map_err(|gave_up| match gave_up {
            GaveUp::NoTablet if sent => WriteError::OutcomeUnknown {
                cause: "the table was dropped".to_owned(),
            },
            GaveUp::TimedOut { cause, .. } if sent => WriteError::OutcomeUnknown { cause },
            GaveUp::Stopped { cause, .. } if sent => WriteError::OutcomeUnknown {
                cause: cause.to_owned(),
            },
            GaveUp::NoTablet => WriteError::NoTable(table),
            GaveUp::TimedOut { waited, cause } => WriteError::NoQuorum { waited, cause },
            GaveUp::Stopped { waited, cause } => WriteError::NoQuorum {
                waited,
                cause: cause.to_owned(),
            },
        })
    }
}

/// Puts the outcome of a part where its items stand in the batch.
fn settle<T: Clone, E: Clone>(
    results: &mut [Result<T, E>],
    items: Vec<usize>,
    outcome: Result<impl Iterator<Item = T>, E>,
) {
    match outcome {
        Ok(values) => items
            .into_iter()
            .zip(values)
            .for_each(|(at, value)| results[at] = Ok(value)),
        Err(error) => items.into_iter().for_each(|at| results[at] = Err(error.clone())),
    }
}
