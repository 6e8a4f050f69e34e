//! A disk in memory, for tests and simulation.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use super::{Disk, DiskError, Note};

/// A disk in memory. Its clones share what it holds: a node that starts again is given a clone.
///
/// It runs no thread and reads no clock: what is done is done at once, in the caller's task. With
/// [`crash`](Self::crash) what a node does after it is lost, as on a machine that has stopped.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk {
    held: Arc<Mutex<Held>>,
    /// How often it had crashed when this handle was made.
    crashes: u64,
}

#[derive(Debug, Default)]
struct Held {
    notes: BTreeMap<Note, Bytes>,
    /// What a crash loses.
    hints: BTreeMap<Note, Bytes>,
    entries: BTreeMap<u64, Bytes>,
    snapshot: Option<(u64, Bytes)>,
    crashes: u64,
}

impl MemoryDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Loses what is not durable; handles made before fail from now on. Answers a handle on what is left.
    #[must_use]
    pub fn crash(&self) -> Self {
        let mut held = self.lock();
        held.hints.clear();
        held.crashes += 1;
        let crashes = held.crashes;
        drop(held);
        Self {
            held: Arc::clone(&self.held),
            crashes,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // Nothing under the lock panics, so a poisoned lock guards a whole state.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self) -> Result<MutexGuard<'_, Held>, DiskError> {
        let held = self.lock();
        if held.crashes == self.crashes {
            Ok(held)
        } else {
            Err(DiskError::new("the machine has crashed"))
        }
    }
}

#[async_trait]
impl Disk for MemoryDisk {
    async fn note(&self, note: Note) -> Result<Option<Bytes>, DiskError> {
        let held = self.held()?;
        Ok(held.hints.get(&note).or_else(|| held.notes.get(&note)).cloned())
    }

    async fn set_note(&self, note: Note, bytes: Bytes) -> Result<(), DiskError> {
        let mut held = self.held()?;
        held.hints.remove(&note);
        held.notes.insert(note, bytes);
        Ok(())
    }

    async fn hint(&self, note: Note, bytes: Bytes) -> Result<(), DiskError> {
        self.held()?.hints.insert(note, bytes);
        Ok(())
    }

    async fn last(&self) -> Result<Option<(u64, Bytes)>, DiskError> {
        let held = self.held()?;
        Ok(held
            .entries
            .last_key_value()
            .map(|(index, entry)| (*index, entry.clone())))
    }

    async fn read(&self, range: Range<u64>, bytes_max: usize) -> Result<Vec<(u64, Bytes)>, DiskError> {
        let held = self.held()?;
        let (mut entries, mut bytes) = (Vec::new(), 0);
        if range.is_empty() {
            return Ok(entries);
        }
        for (index, entry) in held.entries.range(range) {
            bytes += entry.len();
            if bytes > bytes_max && !entries.is_empty() {
                break;
            }
            entries.push((*index, entry.clone()));
        }
        Ok(entries)
    }

    async fn append(&self, entries: Vec<(u64, Bytes)>) -> Result<(), DiskError> {
        self.held()?.entries.extend(entries);
        Ok(())
    }

    async fn truncate(&self, index: u64) -> Result<(), DiskError> {
        self.held()?.entries.split_off(&index);
        Ok(())
    }

    async fn purge(&self, index: u64, purged: Bytes) -> Result<(), DiskError> {
        let mut held = self.held()?;
        held.entries.retain(|kept, _| *kept > index);
        held.notes.insert(Note::Purged, purged);
        Ok(())
    }

    async fn snapshot(&self) -> Result<Option<Bytes>, DiskError> {
        Ok(self
            .held()?
            .snapshot
            .as_ref()
            .map(|(_, snapshot)| snapshot.clone()))
    }

    async fn save_snapshot(&self, covers: u64, snapshot: Bytes) -> Result<(), DiskError> {
        let mut held = self.held()?;
        if held.snapshot.as_ref().is_none_or(|(kept, _)| *kept <= covers) {
            held.snapshot = Some((covers, snapshot));
        }
        Ok(())
    }
}
