//! The directory in which a node keeps all that must outlive it.
//!
//! ```text
//! lock        held while the node runs
//! node.toml   format of the directory, cluster, node, incarnation, whether it ever had a log
//! raft.redb   the log of the metadata
//! rows/       the rows
//! ```

#[cfg(test)]
mod tests;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;
use tidegate_tablets::NodeId;

/// The newest format of the directory that this program knows.
const FORMAT: u32 = 1;

const LOCK: &str = "lock";
const NOTE: &str = "node.toml";
const NEW_NOTE: &str = "node.toml.new";
const LOG: &str = "raft.redb";

/// A data directory that this process holds.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    note: Note,
    /// Until it is closed nobody else gets the directory.
    _lock: File,
}

/// Why a data directory cannot be used. It is then as it was.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum DataDirError {
    #[error("the data directory {} is in use by another process", path.display())]
    InUse { path: PathBuf },
    /// Run the program that wrote it, or a later one.
    #[error("the data directory {} has format {found}, and this program knows none above {FORMAT}: \
        it was written by a later version", path.display())]
    NewerFormat { path: PathBuf, found: u32 },
    #[error("the data directory {} is that of node {found} of cluster {cluster:?}, not of node {node} of cluster \
        {wanted:?}", path.display())]
    OtherNode {
        path: PathBuf,
        found: u64,
        cluster: String,
        node: NodeId,
        wanted: String,
    },
    #[error("{} is no data directory: it holds {found:?}; name an empty one", path.display())]
    NotOurs { path: PathBuf, found: String },
    #[error("{} cannot be understood: {reason}", path.display())]
    Damaged { path: PathBuf, reason: String },
    /// It must not vote again: it would elect a leader that lacks what it once helped to decide.
    #[error("{} is missing, and with it what this node has promised the others: put it back as it was when the node \
        stopped; where it is lost, exclude the node, and start another with a new number and an empty data \
        directory", path.display())]
    LogMissing { path: PathBuf },
    #[error("the data directory {} cannot be used: {what}", path.display())]
    Io {
        path: PathBuf,
        what: &'static str,
        #[source]
        source: io::Error,
    },
}

#[derive(Debug, Deserialize)]
struct Format {
    format: u32,
}

#[derive(Debug, Clone, Deserialize)]
struct Note {
    cluster: String,
    node: u64,
    incarnation: u64,
    /// Whether the log's file was made.
    #[serde(default)]
    log: bool,
}

impl DataDir {
    /// Opens a node's directory, makes it where there is none, and counts this start durably.
    pub(crate) fn open(path: &Path, cluster: &str, node: NodeId) -> Result<Self, DataDirError> {
        let failed = |what| {
            move |source| DataDirError::Io {
                path: path.to_owned(),
                what,
                source,
            }
        };
        make(path).map_err(failed("it cannot be made"))?;
        let lock = lock(path)?;
        let mut note = match fs::read_to_string(path.join(NOTE)) {
            Ok(text) => understand(path, &text, cluster, node)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                refuse_others_files(path)?;
                Note {
                    cluster: cluster.to_owned(),
                    node: node.as_u64(),
                    incarnation: 0,
                    log: false,
                }
            }
            Err(error) => return Err(failed("its note cannot be read")(error)),
        };
        if note.log {
            expect_log(path)?;
        }
        note.incarnation += 1;
        write(path, &note).map_err(failed("its note cannot be written"))?;
        Ok(Self {
            path: path.to_owned(),
            note,
            _lock: lock,
        })
    }

    /// Notes durably that the log's file was made: from now on the directory is not used without it.
    pub(crate) fn log_is_made(&mut self) -> Result<(), DataDirError> {
        if self.note.log {
            return Ok(());
        }
        let note = Note {
            log: true,
            ..self.note.clone()
        };
        write(&self.path, &note).map_err(|source| DataDirError::Io {
            path: self.path.clone(),
            what: "its note cannot be written",
            source,
        })?;
        self.note = note;
        Ok(())
    }

    /// One more than at the start before; never the same twice.
    pub(crate) const fn incarnation(&self) -> u64 {
        self.note.incarnation
    }

    /// The file of the metadata's log.
    pub(crate) fn raft(&self) -> PathBuf {
        self.path.join(LOG)
    }

    /// The directory of the rows.
    pub(crate) fn rows(&self) -> PathBuf {
        self.path.join("rows")
    }
}

/// Durable when it returns, as are those above it that had to be made.
fn make(path: &Path) -> io::Result<()> {
    let missing = path
        .ancestors()
        .take_while(|above| !above.as_os_str().is_empty() && !above.exists());
    let missing: Vec<&Path> = missing.collect();
    fs::create_dir_all(path)?;
    for made in missing {
        let above = made.parent().filter(|above| !above.as_os_str().is_empty());
        File::open(above.unwrap_or_else(|| Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

fn lock(path: &Path) -> Result<File, DataDirError> {
    let io = |source| DataDirError::Io {
        path: path.to_owned(),
        what: "it cannot be locked",
        source,
    };
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path.join(LOCK))
        .map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DataDirError::InUse {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}

/// What the start before has noted.
fn understand(path: &Path, text: &str, cluster: &str, node: NodeId) -> Result<Note, DataDirError> {
    let damaged = |error: toml::de::Error| DataDirError::Damaged {
        path: path.join(NOTE),
        reason: error.message().to_owned(),
    };
    // Of a later format nothing but its number can be read.
    let Format { format } = toml::from_str(text).map_err(damaged)?;
    if format > FORMAT {
        return Err(DataDirError::NewerFormat {
            path: path.to_owned(),
            found: format,
        });
    }
    let note: Note = toml::from_str(text).map_err(damaged)?;
    if note.cluster != cluster || note.node != node.as_u64() {
        return Err(DataDirError::OtherNode {
            path: path.to_owned(),
            found: note.node,
            cluster: note.cluster,
            node,
            wanted: cluster.to_owned(),
        });
    }
    Ok(note)
}

fn expect_log(path: &Path) -> Result<(), DataDirError> {
    let log = path.join(LOG);
    match fs::metadata(&log) {
        Ok(found) if found.len() > 0 => Ok(()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(DataDirError::Io {
            path: path.to_owned(),
            what: "its log cannot be looked at",
            source: error,
        }),
        _ => Err(DataDirError::LogMissing { path: log }),
    }
}

/// A directory without a note holds nothing yet, or is not ours.
fn refuse_others_files(path: &Path) -> Result<(), DataDirError> {
    let io = |source| DataDirError::Io {
        path: path.to_owned(),
        what: "it cannot be listed",
        source,
    };
    for entry in fs::read_dir(path).map_err(io)? {
        let name = entry.map_err(io)?.file_name();
        if name != LOCK && name != NEW_NOTE {
            return Err(DataDirError::NotOurs {
                path: path.to_owned(),
                found: name.to_string_lossy().into_owned(),
            });
        }
    }
    Ok(())
}

/// Durable when it returns: whole, or as it was.
fn write(path: &Path, note: &Note) -> io::Result<()> {
    let new = path.join(NEW_NOTE);
    let mut file = File::create(&new)?;
    // The name of a cluster needs no quoting.
    writeln!(
        file,
        "# Written by tidegate at each start. Do not edit.\nformat = {FORMAT}\ncluster = \"{}\"\n\
        node = {}\nincarnation = {}\nlog = {}",
        note.cluster, note.node, note.incarnation, note.log
    )?;
    file.sync_all()?;
    drop(file);
    fs::rename(&new, path.join(NOTE))?;
    File::open(path)?.sync_all()
}
