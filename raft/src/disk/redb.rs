//! A disk that is one redb file.

use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use redb::{
    Database, DatabaseError, Durability, ReadOnlyDatabase, ReadableDatabase, ReadableTable, TableDefinition,
    WriteTransaction,
};
use tidegate_tablets::NodeId;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::{DISK_FORMAT, Disk, DiskError, Note, OpenError};

/// Numbers: the file's format, its node, how many entries the snapshot covers, and which of those written it is.
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
const FORMAT: &str = "format";
const NODE: &str = "node";
const COVERS: &str = "covers";
const CURRENT: &str = "current";

const NOTES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("notes");
const ENTRIES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("entries");
/// Snapshots in parts, by the snapshot's number and the part's: the current one, and one that is being written.
const SNAPSHOT: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("snapshot");
const PART: usize = 1 << 20;
/// Parts in one commit: the log's appends get in between, and nobody waits long for them.
const PARTS_PER_COMMIT: usize = 4;

/// A disk that is one redb file. One commit, flushed to the medium, for each append.
///
/// The file is read and written on tokio's threads for blocking work: time that is paused stands still meanwhile.
pub struct RedbDisk {
    path: PathBuf,
    database: Arc<Database>,
    /// One snapshot is written at a time.
    saving: Semaphore,
}

impl RedbDisk {
    /// Opens the file of `node`, or makes it. It is closed when the last store that uses it is gone.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; the file is then as it was.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, the file may have been made, and is closed a little later.
    pub async fn open(path: impl Into<PathBuf>, node: NodeId) -> Result<Self, OpenError> {
        let path = path.into();
        let opened = spawn_blocking(move || {
            let database = open(&path, node)?;
            Ok(Self {
                path,
                database: Arc::new(database),
                saving: Semaphore::new(1),
            })
        });
        opened
            .await
            .map_err(|error| OpenError::Failed(DiskError::new(error)))?
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, redb::Error> + Send + 'static,
    ) -> Result<T, DiskError> {
        let database = Arc::clone(&self.database);
        // Not abandoned with the caller: what was begun is done.
        match spawn_blocking(move || work(&database)).await {
            Ok(done) => done.map_err(DiskError::new),
            Err(error) => Err(DiskError::new(error)),
        }
    }

    async fn write(
        &self,
        durability: Durability,
        work: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error> + Send + 'static,
    ) -> Result<(), DiskError> {
        self.run(move |database| write(database, durability, work)).await
    }
}

impl fmt::Debug for RedbDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedbDisk").field(&self.path).finish()
    }
}

fn open(path: &Path, node: NodeId) -> Result<Database, OpenError> {
    let fresh = !path.exists();
    let failed = |error: redb::Error| OpenError::Failed(DiskError::new(error));
    // Opened for writing a file changes: one that is refused is not.
    match ReadOnlyDatabase::open(path) {
        Ok(database) => admit(known(&database).map_err(failed)?, node).map(drop)?,
        Err(DatabaseError::DatabaseAlreadyOpen) => return Err(OpenError::InUse),
        // It is not there, or has to be repaired after a crash: that can be done below alone.
        Err(_) => {}
    }
    let database = Database::create(path).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => OpenError::InUse,
        other => OpenError::Failed(DiskError::new(other)),
    })?;
    if admit(known(&database).map_err(failed)?, node)? == Admitted::New {
        write(&database, Durability::Immediate, |transaction| {
            let mut numbers = transaction.open_table(NUMBERS)?;
            numbers.insert(FORMAT, u64::from(DISK_FORMAT))?;
            numbers.insert(NODE, node.as_u64())?;
            transaction.open_table(NOTES)?;
            transaction.open_table(ENTRIES)?;
            transaction.open_table(SNAPSHOT)?;
            Ok(())
        })
        .map_err(failed)?;
    }
    if fresh {
        // The file's name is durable only with its folder.
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or_else(|| Path::new("."));
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| OpenError::Failed(DiskError::new(error)))?;
    }
    Ok(database)
}

/// Whose a file is.
enum Found {
    /// It was just made: nothing has been written to it.
    New,
    Ours {
        owner: u64,
    },
    OtherFormat {
        format: u64,
    },
    Damaged {
        lacks: &'static str,
    },
}

#[derive(PartialEq, Eq)]
enum Admitted {
    New,
    Known,
}

fn admit(found: Found, node: NodeId) -> Result<Admitted, OpenError> {
    match found {
        Found::New => Ok(Admitted::New),
        Found::Ours { owner } if owner == node.as_u64() => Ok(Admitted::Known),
        Found::Ours { owner } => {
            let found = NodeId::new(owner);
            Err(OpenError::OtherNode { found })
        }
        Found::OtherFormat { format } => {
            let found = u32::try_from(format).unwrap_or(u32::MAX);
            let known = DISK_FORMAT;
            Err(if found > known {
                OpenError::Newer { found, known }
            } else {
                OpenError::Older { found, known }
            })
        }
        Found::Damaged { lacks } => {
            let reason = format!("the file is damaged, or none of this program: it has no {lacks}");
            Err(OpenError::Failed(DiskError::new(reason)))
        }
    }
}

fn known(database: &impl ReadableDatabase) -> Result<Found, redb::Error> {
    let transaction = database.begin_read()?;
    let numbers = match transaction.open_table(NUMBERS) {
        Ok(numbers) => numbers,
        // The tables are made in one step.
        Err(redb::TableError::TableDoesNotExist(_)) if transaction.list_tables()?.next().is_none() => {
            return Ok(Found::New);
        }
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Found::Damaged { lacks: "numbers" }),
        Err(error) => return Err(error.into()),
    };
    let Some(format) = numbers.get(FORMAT)?.map(|found| found.value()) else {
        return Ok(Found::Damaged { lacks: "format" });
    };
    // First: of another format nothing else can be read.
    if format != u64::from(DISK_FORMAT) {
        return Ok(Found::OtherFormat { format });
    }
    Ok(match numbers.get(NODE)? {
        Some(owner) => Found::Ours { owner: owner.value() },
        None => Found::Damaged { lacks: "owner" },
    })
}

fn write(
    database: &Database,
    durability: Durability,
    work: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(durability)?;
    work(&transaction)?;
    transaction.commit()?;
    Ok(())
}

const fn name(note: Note) -> &'static str {
    match note {
        Note::Disk => "disk",
        Note::Vote => "vote",
        Note::Committed => "committed",
        Note::Purged => "purged",
    }
}

#[async_trait]
impl Disk for RedbDisk {
    async fn note(&self, note: Note) -> Result<Option<Bytes>, DiskError> {
        self.run(move |database| {
            let notes = database.begin_read()?.open_table(NOTES)?;
            Ok(notes
                .get(name(note))?
                .map(|found| Bytes::copy_from_slice(found.value())))
        })
        .await
    }

    async fn set_note(&self, note: Note, bytes: Bytes) -> Result<(), DiskError> {
        self.write(Durability::Immediate, move |transaction| {
            transaction.open_table(NOTES)?.insert(name(note), &*bytes)?;
            Ok(())
        })
        .await
    }

    async fn hint(&self, note: Note, bytes: Bytes) -> Result<(), DiskError> {
        self.write(Durability::None, move |transaction| {
            transaction.open_table(NOTES)?.insert(name(note), &*bytes)?;
            Ok(())
        })
        .await
    }

    async fn last(&self) -> Result<Option<(u64, Bytes)>, DiskError> {
        self.run(|database| {
            let entries = database.begin_read()?.open_table(ENTRIES)?;
            let last = entries.last()?;
            Ok(last.map(|(index, entry)| (index.value(), Bytes::copy_from_slice(entry.value()))))
        })
        .await
    }

    async fn read(&self, range: Range<u64>, bytes_max: usize) -> Result<Vec<(u64, Bytes)>, DiskError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        self.run(move |database| {
            let table = database.begin_read()?.open_table(ENTRIES)?;
            let (mut entries, mut bytes) = (Vec::new(), 0);
            for found in table.range(range)? {
                let (index, entry) = found?;
                bytes += entry.value().len();
                if bytes > bytes_max && !entries.is_empty() {
                    break;
                }
                entries.push((index.value(), Bytes::copy_from_slice(entry.value())));
            }
            Ok(entries)
        })
        .await
    }

    async fn append(&self, entries: Vec<(u64, Bytes)>) -> Result<(), DiskError> {
        self.write(Durability::Immediate, move |transaction| {
            let mut table = transaction.open_table(ENTRIES)?;
            for (index, entry) in &entries {
                table.insert(*index, &**entry)?;
            }
            Ok(())
        })
        .await
    }

    async fn truncate(&self, index: u64) -> Result<(), DiskError> {
        self.write(Durability::Immediate, move |transaction| {
            transaction
                .open_table(ENTRIES)?
                .retain_in(index.., |_, _| false)?;
            Ok(())
        })
        .await
    }

    async fn purge(&self, index: u64, purged: Bytes) -> Result<(), DiskError> {
        self.write(Durability::Immediate, move |transaction| {
            transaction
                .open_table(ENTRIES)?
                .retain_in(..=index, |_, _| false)?;
            transaction
                .open_table(NOTES)?
                .insert(name(Note::Purged), &*purged)?;
            Ok(())
        })
        .await
    }

    async fn snapshot(&self) -> Result<Option<Bytes>, DiskError> {
        self.run(|database| {
            let transaction = database.begin_read()?;
            let Some((_, current)) = current(&transaction.open_table(NUMBERS)?)? else {
                return Ok(None);
            };
            let mut snapshot = Vec::new();
            for part in transaction
                .open_table(SNAPSHOT)?
                .range((current, 0)..=(current, u64::MAX))?
            {
                snapshot.extend_from_slice(part?.1.value());
            }
            Ok(Some(snapshot.into()))
        })
        .await
    }

    async fn save_snapshot(&self, covers: u64, snapshot: Bytes) -> Result<(), DiskError> {
        let _alone = self.saving.acquire().await.map_err(DiskError::new)?;
        let kept = self
            .run(|database| current(&database.begin_read()?.open_table(NUMBERS)?))
            .await?;
        if kept.is_some_and(|(kept, _)| kept > covers) {
            return Ok(());
        }
        let next = kept.map_or(0, |(_, current)| current + 1);
        // What a crash has left of one that was begun.
        self.write(Durability::None, move |transaction| {
            transaction
                .open_table(SNAPSHOT)?
                .retain_in((next, 0)..=(next, u64::MAX), |_, _| false)?;
            Ok(())
        })
        .await?;
        let mut rest = snapshot;
        let mut written = 0_u64;
        while !rest.is_empty() {
            let some = rest.split_to(rest.len().min(PART * PARTS_PER_COMMIT));
            let from = written;
            written += PARTS_PER_COMMIT as u64;
            self.write(Durability::None, move |transaction| {
                let mut table = transaction.open_table(SNAPSHOT)?;
                for (at, part) in (from..).zip(some.chunks(PART)) {
                    table.insert((next, at), part)?;
                }
                Ok(())
            })
            .await?;
        }
        self.write(Durability::Immediate, move |transaction| {
            let mut numbers = transaction.open_table(NUMBERS)?;
            numbers.insert(COVERS, covers)?;
            numbers.insert(CURRENT, next)?;
            transaction
                .open_table(SNAPSHOT)?
                .retain(|(number, _), _| number == next)?;
            Ok(())
        })
        .await
    }
}

/// How many entries the current snapshot covers, and its number.
fn current(numbers: &impl ReadableTable<&'static str, u64>) -> Result<Option<(u64, u64)>, redb::Error> {
    let covers = numbers.get(COVERS)?.map(|found| found.value());
    let current = numbers.get(CURRENT)?.map(|found| found.value());
    Ok(covers.zip(current))
}
