//! What a node must not lose, and the seam to where it is kept.

mod memory;
mod redb;

use std::fmt;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use thiserror::Error;
use tidegate_tablets::NodeId;

pub use self::memory::MemoryDisk;
pub use self::redb::RedbDisk;

/// The version of what is written to disk. A disk of another one is refused.
pub const DISK_FORMAT: u32 = 2;

/// Why a disk could not be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It was written by a later version of this program: start that one.
    #[error("the disk has format {found}, and this program knows format {known}: a later one wrote it")]
    Newer {
        /// The disk's format.
        found: u32,
        /// The one that this program knows.
        known: u32,
    },
    /// It was written by an earlier version of this program: start that one, or a new node with a new disk.
    #[error("the disk has format {found}, and this program knows format {known}: an earlier one wrote it")]
    Older {
        /// The disk's format.
        found: u32,
        /// The one that this program knows.
        known: u32,
    },
    /// It is another node's: correct the node's number, or the path.
    #[error("the disk belongs to node {found}")]
    OtherNode {
        /// Whose it is.
        found: NodeId,
    },
    /// Another process, or another store of this one, has it open: stop that first.
    #[error("the disk is in use")]
    InUse,
    /// It cannot be read or written, or is no disk of this program.
    #[error("the disk cannot be used")]
    Failed(#[source] DiskError),
}

/// Why the disk did not do what it was asked. What was asked may have been done: the node stops, and starts again
/// from what the disk has.
#[derive(Debug, Error)]
#[error("the disk failed: {reason}")]
pub struct DiskError {
    /// What went wrong.
    pub reason: String,
}

impl DiskError {
    /// An error of that reason.
    #[must_use]
    pub fn new(reason: impl fmt::Display) -> Self {
        Self {
            reason: reason.to_string(),
        }
    }
}

impl From<DiskError> for std::io::Error {
    fn from(error: DiskError) -> Self {
        Self::other(error)
    }
}

/// The small things that are kept beside the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Note {
    /// Which disk it is: written once, before anything else.
    Disk,
    /// Whom the node has voted for.
    Vote,
    /// How far the log was known to be committed. It may be lost: then the node hears it again.
    Committed,
    /// The last entry that was purged.
    Purged,
}

/// Where a node keeps its log, its vote and its snapshot: bytes, of which it knows nothing.
///
/// What a call has done is durable when it returns, but for [`hint`](Self::hint), and each is one step: after a crash
/// it is done or not. Calls that write do not run at the same time, but for [`save_snapshot`](Self::save_snapshot).
///
/// # Cancel safety
///
/// Of every call: dropped before it completes, it is done later, before any call that follows, or not at all.
#[async_trait]
pub trait Disk: Send + Sync + fmt::Debug + 'static {
    /// Reads a note.
    ///
    /// # Errors
    ///
    /// [`DiskError`].
    async fn note(&self, note: Note) -> Result<Option<Bytes>, DiskError>;

    /// Writes a note.
    ///
    /// # Errors
    ///
    /// [`DiskError`].
    async fn set_note(&self, note: Note, bytes: Bytes) -> Result<(), DiskError>;

    /// Writes a note that a crash may lose.
    ///
    /// # Errors
    ///
    /// [`DiskError`].
    async fn hint(&self, note: Note, bytes: Bytes) -> Result<(), DiskError>;

    /// The entry with the highest index.
    ///
    /// # Errors
    ///
    /// [`DiskError`].
    async fn last(&self) -> Result<Option<(u64, Bytes)>, DiskError>;

    /// Entries of a range of indexes, in order: those there are, up to `bytes_max` bytes and at least one.
    ///
    /// # Errors
    ///
    /// [`DiskError`].
    async fn read(&self, range: Range<u64>, bytes_max: usize) -> Result<Vec<(u64, Bytes)>, DiskError>;

    /// Adds entries, in order, all of them in one step.
    ///
    /// # Errors
    ///
    /// [`DiskError`].
    async fn append(&self, entries: Vec<(u64, Bytes)>) -> Result<(), DiskError>;

    /// Removes the entries from `index` on.
    ///
    /// # Errors
    ///
    /// [`DiskError`].
    async fn truncate(&self, index: u64) -> Result<(), DiskError>;

    /// Removes the entries up to `index`, it included, and notes that they were [purged](Note::Purged).
    ///
    /// # Errors
    ///
    /// [`DiskError`].
    async fn purge(&self, index: u64, purged: Bytes) -> Result<(), DiskError>;

    /// The snapshot.
    ///
    /// # Errors
    ///
    /// [`DiskError`].
    async fn snapshot(&self) -> Result<Option<Bytes>, DiskError>;

    /// Puts a snapshot in the place of the one there is, unless that covers more than `covers` entries.
    ///
    /// # Errors
    ///
    /// [`DiskError`].
    async fn save_snapshot(&self, covers: u64, snapshot: Bytes) -> Result<(), DiskError>;
}
