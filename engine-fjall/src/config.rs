//! What an engine can be told.

/// How a [`FjallEngine`](crate::FjallEngine) is run, and what bounds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FjallConfig {
    /// Bytes of blocks kept in memory, over all tablets.
    pub cache_bytes: u64,
    /// Bytes of fresh rows that a tablet keeps in memory before they go to a table file. Fixed when the tablet's
    /// keyspace is made.
    pub memtable_bytes_max: u64,
    /// Bytes of journal files kept before memtables are flushed to make room; at least 64 MiB.
    pub journal_bytes_max: u64,
    /// Files kept open between reads; several engines may share a process, and its limit.
    pub open_files_max: usize,
    /// Threads of fjall for flushes and compactions.
    pub worker_threads: usize,
    /// Writes that share one fsync at most.
    pub group_writes_max: usize,
    /// Writes that wait for their turn at most; further callers wait before they are queued.
    pub queued_writes_max: usize,
    /// Bytes of rows that a fold or a purge moves in one step; other writes get their turn between steps.
    pub step_bytes_max: usize,
    /// Bytes of rows of one staging area that go through the journal, as small ones should; what comes after them is
    /// written to table files right away.
    pub staged_in_journal_bytes: u64,
    /// Bytes of received rows that make one table file; where more than 64 times as much is staged, a 64th of that.
    /// Until it is finished, a crash or a close takes them back, and their stream goes on from before them. The next is
    /// written while one is finished; of either, five batches at most are in memory.
    pub table_bytes_max: u64,
    /// Whether attached rows are folded into the tablet as soon as they are attached. Without it they stay a
    /// layer, which every reader merges, until a purge or the next start.
    pub fold_on_attach: bool,
    /// Bytes of rows and staged rows that may be written before calls fail with
    /// [`DiskFull`](tidegate_streaming::EngineError::DiskFull); what is removed makes room again, what is
    /// overwritten does not. `None`: as much as the disk takes.
    pub quota_bytes: Option<u64>,
}

impl Default for FjallConfig {
    fn default() -> Self {
        Self {
            cache_bytes: 64 << 20,
            memtable_bytes_max: 16 << 20,
            journal_bytes_max: 256 << 20,
            open_files_max: 200,
            worker_threads: 2,
            group_writes_max: 64,
            queued_writes_max: 256,
            step_bytes_max: 1 << 20,
            staged_in_journal_bytes: 1 << 20,
            table_bytes_max: 32 << 20,
            fold_on_attach: true,
            quota_bytes: None,
        }
    }
}
