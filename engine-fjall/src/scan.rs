//! A snapshot that is read batch by batch, some batches ahead.

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_kv::RowBatchBuilder;
use tidegate_streaming::{Batch, EngineError, Position, Scan};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::error::{Stopped, failed};
use crate::merge::{Entry, Merge};
use crate::record::user_key;
use crate::tablet::decode;

/// Batches that are read ahead of whoever asks. To hand over each by itself would cost two changes of threads, and either
/// end would stand still while the other is not on a processor; so reading begins again when half of them are taken.
const BATCHES_AHEAD: usize = 4;

/// A snapshot of a tablet. It alone holds what it reads: dropped, it keeps no row alive, but for a batch that is
/// being read ahead.
#[derive(Debug)]
pub(crate) struct SnapshotScan {
    state: State,
    batches: mpsc::Receiver<Result<Option<Batch>, EngineError>>,
    /// Whether the end was told.
    ended: bool,
}

#[derive(Debug)]
enum State {
    /// As far ahead as it may be, or not asked yet.
    Idle(Ahead),
    Reading(JoinHandle<Option<Ahead>>),
    /// It came to the end, or failed.
    Over,
}

/// What reads ahead, on blocking threads only, for as long as there is room.
#[derive(Debug)]
struct Ahead {
    reader: Reader,
    room: mpsc::Sender<Result<Option<Batch>, EngineError>>,
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
        let mut next = self.next()?;
        // Room for a batch is taken where there is one: an empty tablet has none.
        if next.is_none() {
            return Ok(None);
        }
        let mut builder = RowBatchBuilder::with_capacity(bytes_max.min(1 << 20));
        let mut last = None;
        while let Some((key, stored)) = next {
            let row = decode(&stored)?.under(user_key(&key));
            if !builder.is_empty() && builder.len() + row.encoded_len() > bytes_max {
                self.left_over = Some((key, stored));
                break;
            }
            builder.push(row).map_err(failed)?;
            last = Some(key);
            next = self.next()?;
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

    fn next(&mut self) -> Result<Option<Entry>, EngineError> {
        match self.left_over.take() {
            Some(entry) => Ok(Some(entry)),
            None => self.rows.next(),
        }
    }
}

impl Ahead {
    /// Reads until there is no room; `None` if there is nothing more to read, or nobody who waits for it.
    fn read(mut self, bytes_max: usize) -> Option<Self> {
        while !self.room.is_closed() {
            if self.room.capacity() == 0 {
                return Some(self);
            }
            let batch = self.reader.batch(bytes_max);
            let goes_on = matches!(batch, Ok(Some(_)));
            if self.room.try_send(batch).is_err() || !goes_on {
                break;
            }
        }
        None
    }
}

impl SnapshotScan {
    pub(crate) fn new(reader: Reader) -> Self {
        let (room, batches) = mpsc::channel(BATCHES_AHEAD);
        Self {
            state: State::Idle(Ahead { reader, room }),
            batches,
            ended: false,
        }
    }

    /// Has it read on, if enough of what it read was taken.
    fn read_on(&mut self, bytes_max: usize) {
        if self.batches.len() > BATCHES_AHEAD / 2 {
            return;
        }
        self.state = match std::mem::replace(&mut self.state, State::Over) {
            State::Idle(ahead) => State::Reading(tokio::task::spawn_blocking(move || ahead.read(bytes_max))),
            state => state,
        };
    }
}

impl State {
    /// Waits until it no longer reads.
    async fn read(&mut self) {
        match self {
            Self::Reading(reading) => {
                // A panic is told by the batch that does not come.
                *self = reading.await.ok().flatten().map_or(Self::Over, Self::Idle);
            }
            Self::Idle(_) | Self::Over => std::future::pending().await,
        }
    }
}

#[async_trait]
impl Scan for SnapshotScan {
    async fn next(&mut self, bytes_max: usize) -> Result<Option<Batch>, EngineError> {
        loop {
            self.read_on(bytes_max);
            let batch = tokio::select! {
                biased;
                () = self.state.read() => continue,
                batch = self.batches.recv() => batch,
            };
            return match batch {
                Some(batch) => {
                    self.ended |= matches!(batch, Ok(None));
                    batch
                }
                None if self.ended => Ok(None),
                // It failed: whoever asks on must not take that for the end.
                None => Err(failed(Stopped)),
            };
        }
    }
}
