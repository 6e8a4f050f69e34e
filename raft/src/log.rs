//! openraft's log, over a disk of bytes.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, Range, RangeBounds};
use std::sync::Arc;

use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use openraft::entry::RaftEntry as _;
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use openraft::{OptionalSend, RaftTypeConfig};

use crate::codec::{CodecError, entry, records};
use crate::disk::{Disk, Note};
use crate::disk_id::DiskId;
use crate::types::{RaftEntry, RaftLogId, RaftVote, TypeConfig};

/// Bytes of entries read at once, but for one entry that is longer.
const READ_BYTES: usize = 1 << 20;

/// The log of one node, and a reader of it.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    disk: Arc<dyn Disk>,
}

impl Log {
    pub(crate) const fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk }
    }

    /// Which disk it is. One that was never used is given a name.
    pub(crate) async fn disk_id(&self) -> io::Result<DiskId> {
        if let Some(frame) = self.disk.note(Note::Disk).await? {
            return records::decode_disk(&frame).map_err(invalid);
        }
        let is_used = self.disk.note(Note::Vote).await?.is_some()
            || self.disk.last().await?.is_some()
            || self.disk.snapshot().await?.is_some();
        if is_used {
            // A new name would be taken for that of a disk that has promised nothing.
            return Err(invalid(CodecError::Malformed(
                "a used disk that does not say which it is",
            )));
        }
        let id = DiskId::random();
        // Durable before anyone hears of it.
        self.disk
            .set_note(Note::Disk, records::encode_disk(id).map_err(invalid)?)
            .await?;
        Ok(id)
    }

    async fn read(&self, range: Range<u64>, bytes_max: usize) -> io::Result<Vec<RaftEntry>> {
        let found = self.disk.read(range.clone(), bytes_max).await?;
        let mut entries: Vec<RaftEntry> = Vec::with_capacity(found.len());
        for (index, frame) in found {
            let entry = entry::decode(&frame).map_err(invalid)?;
            let follows = entries
                .last()
                .is_none_or(|before| before.log_id.index + 1 == index);
            if entry.log_id.index != index || !follows {
                return Err(invalid(CodecError::Malformed("the log at that place")));
            }
            entries.push(entry);
        }
        Ok(entries)
    }

    async fn log_id(&self, note: Note) -> io::Result<Option<RaftLogId>> {
        match self.disk.note(note).await? {
            Some(frame) => records::decode_log_id(&frame).map_err(invalid),
            None => Ok(None),
        }
    }
}

pub(crate) fn invalid(error: CodecError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn bounds(range: &impl RangeBounds<u64>) -> Range<u64> {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(start) => start.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(end) => end.saturating_add(1),
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    start..end
}

impl RaftLogReader<TypeConfig> for Log {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<RaftEntry>, io::Error> {
        self.read(bounds(&range), usize::MAX).await
    }

    async fn read_vote(&mut self) -> Result<Option<RaftVote>, io::Error> {
        match self.disk.note(Note::Vote).await? {
            Some(frame) => records::decode_vote(&frame).map(Some).map_err(invalid),
            None => Ok(None),
        }
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<RaftEntry>, io::Error> {
        self.read(start..end, READ_BYTES).await
    }

    /// A part after the other, so that a long log that is applied after a start does not lie in memory as a whole.
    async fn entries_stream<RB>(
        &mut self,
        range: RB,
    ) -> impl Stream<Item = Result<RaftEntry, io::Error>> + OptionalSend
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let parts = stream::try_unfold((self.clone(), bounds(&range)), |(log, range)| async move {
            let entries = log.read(range.clone(), READ_BYTES).await?;
            let next = entries.last().map(|last| last.log_id.index + 1..range.end);
            Ok::<_, io::Error>(next.map(|next| (entries, (log, next))))
        });
        parts
            .map_ok(|entries| stream::iter(entries).map(Ok))
            .try_flatten()
            .boxed()
    }
}

impl RaftLogStorage<TypeConfig> for Log {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, io::Error> {
        let purged = self.log_id(Note::Purged).await?;
        let last = match self.disk.last().await? {
            Some((_, frame)) => Some(entry::decode(&frame).map_err(invalid)?.log_id()),
            None => purged,
        };
        Ok(LogState {
            last_purged_log_id: purged,
            last_log_id: last,
        })
    }

    async fn get_log_reader(&mut self) -> Self::LogReader {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &RaftVote) -> Result<(), io::Error> {
        let frame = records::encode_vote(vote).map_err(invalid)?;
        Ok(self.disk.set_note(Note::Vote, frame).await?)
    }

    async fn save_committed(&mut self, committed: Option<RaftLogId>) -> Result<(), io::Error> {
        let frame = records::encode_log_id(committed.as_ref()).map_err(invalid)?;
        Ok(self.disk.hint(Note::Committed, frame).await?)
    }

    async fn read_committed(&mut self) -> Result<Option<RaftLogId>, io::Error> {
        self.log_id(Note::Committed).await
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = <TypeConfig as RaftTypeConfig>::Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut frames = Vec::new();
        for entry in entries {
            frames.push((entry.log_id.index, entry::encode(&entry).map_err(invalid)?));
        }
        // The caller's loop waits for the disk; what is proposed meanwhile goes into the next commit.
        self.disk.append(frames).await?;
        callback.io_completed(Ok(()));
        Ok(())
    }

    async fn truncate_after(&mut self, last_log_id: Option<RaftLogId>) -> Result<(), io::Error> {
        let from = last_log_id.map_or(0, |last| last.index + 1);
        Ok(self.disk.truncate(from).await?)
    }

    async fn purge(&mut self, log_id: RaftLogId) -> Result<(), io::Error> {
        let frame = records::encode_log_id(Some(&log_id)).map_err(invalid)?;
        Ok(self.disk.purge(log_id.index, frame).await?)
    }
}
