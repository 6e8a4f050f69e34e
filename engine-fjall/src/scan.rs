//! A snapshot that is read batch by batch, one batch ahead.

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_kv::RowBatchBuilder;
use tidegate_streaming::{Batch, EngineError, Position, Scan};
use tokio::task::JoinHandle;

use crate::error::{Stopped, failed};
use crate::merge::{Entry, Merge};
use crate::record::user_key;
use crate::tablet::decode;

/// A snapshot of a tablet. It alone holds what it reads: dropped, it keeps no row alive, but for a batch that is
/// being read ahead.
#[derive(Debug)]
pub(crate) struct SnapshotScan {
    state: State,
}

#[derive(Debug)]
enum State {
    Idle(Reader),
    Reading(JoinHandle<(Reader, Result<Option<Batch>, EngineError>)>),
    Ended,
    /// It failed, or a read was abandoned: whoever asks on must not take that for the end.
    Broken,
}

/// What is read, on blocking threads only.
#[derive(Debug)]
pub(crate) struct Reader {
    rows: Merge,
    /// A row that was too much for the batch before.
    left_over: Option<Entry>,
}

impl Reader {
    pub(crate) const fn new(rows: Merge) -> Self {
        Self {
            rows,
            left_over: None,
        }
    }

    fn batch(&mut self, bytes_max: usize) -> Result<Option<Batch>, EngineError> {
        let mut builder = RowBatchBuilder::with_capacity(bytes_max.min(1 << 20));
        let mut last = None;
        loop {
            let next = match self.left_over.take() {
                Some(entry) => Some(entry),
                None => self.rows.next()?,
            };
            let Some((key, stored)) = next else { break };
            let row = decode(&stored)?.under(user_key(&key));
            if !builder.is_empty() && builder.len() + row.encoded_len() > bytes_max {
                self.left_over = Some((key, stored));
                break;
            }
            builder.push(row).map_err(failed)?;
            last = Some(key);
        }
        let Some(last) = last else { return Ok(None) };
        let rows = builder.rows();
        let last = Position(Bytes::copy_from_slice(user_key(&last)));
        Ok(Some(Batch {
            payload: builder.finish(),
            rows,
            last,
        }))
    }

    fn spawn(mut self, bytes_max: usize) -> State {
        State::Reading(tokio::task::spawn_blocking(move || {
            let batch = self.batch(bytes_max);
            (self, batch)
        }))
    }
}

impl SnapshotScan {
    pub(crate) const fn new(reader: Reader) -> Self {
        Self {
            state: State::Idle(reader),
        }
    }
}

#[async_trait]
impl Scan for SnapshotScan {
    async fn next(&mut self, bytes_max: usize) -> Result<Option<Batch>, EngineError> {
        let reading = match std::mem::replace(&mut self.state, State::Broken) {
            State::Idle(reader) => reader.spawn(bytes_max),
            state => state,
        };
        let reading = match reading {
            State::Reading(reading) => reading,
            State::Ended => {
                self.state = State::Ended;
                return Ok(None);
            }
            State::Idle(_) | State::Broken => return Err(failed(Stopped)),
        };
        let (reader, batch) = reading.await.map_err(|_| failed(Stopped))?;
        let batch = batch?;
        self.state = match &batch {
            Some(_) => reader.spawn(bytes_max),
            None => State::Ended,
        };
        Ok(batch)
    }
}
