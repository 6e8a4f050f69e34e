//! What can go wrong, and what fjall's errors mean to a caller.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;
use tidegate_streaming::EngineError;

/// Why an engine could not be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another engine, of this process or of another, has the directory open: stop that one first.
    #[error("{path} is in use by another engine", path = path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The directory holds something else, or was written by a version that this one does not understand.
    #[error("{path} does not hold data of this engine: {what}", path = path.display())]
    Format {
        /// The directory.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// No room to open it in: free some and open it again.
    #[error("no room on the disk of {path}", path = path.display())]
    DiskFull {
        /// The directory.
        path: PathBuf,
    },
    /// The disk or fjall failed.
    #[error("{path} could not be opened", path = path.display())]
    Failed {
        /// The directory.
        path: PathBuf,
        /// What failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What an engine refuses to store: fjall takes no longer keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a key of {len} bytes is longer than {max}")]
pub(crate) struct KeyTooLong {
    pub(crate) len: usize,
    pub(crate) max: usize,
}

/// The engine was closed, or the runtime it worked on has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the engine has stopped")]
pub(crate) struct Stopped;

/// A change to the rows panicked; how much of it was done is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a change to the rows panicked")]
pub(crate) struct Panicked;

/// Batches that were staged, and not durable yet, are gone: open the staging area anew, and ask for the position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a table file failed or was given up, and with it rows that had been staged")]
pub(crate) struct RunLost;

/// Rows on the disk that no engine of this kind has written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the stored data is damaged: {0}")]
pub(crate) struct Damaged(pub(crate) String);

pub(crate) fn failed(source: impl std::error::Error + Send + Sync + 'static) -> EngineError {
    EngineError::Failed(Box::new(source))
}

pub(crate) fn damaged(what: impl std::fmt::Display) -> EngineError {
    failed(Damaged(what.to_string()))
}

/// What an error of fjall means to a caller.
pub(crate) fn engine_error(error: fjall::Error) -> EngineError {
    match error {
        fjall::Error::KeyspaceDeleted => EngineError::Gone,
        error if is_disk_full(&error) => EngineError::DiskFull,
        error => failed(error),
    }
}

/// What a failed sync means to everyone whose change it was to make durable.
pub(crate) fn sync_error(error: &Arc<fjall::Error>) -> EngineError {
    if is_disk_full(error) {
        EngineError::DiskFull
    } else {
        failed(Arc::clone(error))
    }
}

/// What an error of fjall means to who opens `path`.
pub(crate) fn open_error(path: PathBuf, error: fjall::Error) -> OpenError {
    match error {
        fjall::Error::Locked => OpenError::InUse { path },
        fjall::Error::InvalidVersion(version) => OpenError::Format {
            path,
            what: format!("a store of format {version:?}"),
        },
        error if is_disk_full(&error) => OpenError::DiskFull { path },
        error => OpenError::Failed {
            path,
            source: Box::new(error),
        },
    }
}

fn is_disk_full(error: &fjall::Error) -> bool {
    let cause = match error {
        fjall::Error::Io(cause) | fjall::Error::Storage(fjall::LsmError::Io(cause)) => cause,
        _ => return false,
    };
    matches!(
        cause.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_a_broken_one() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        assert!(matches!(
            engine_error(fjall::Error::Io(full())),
            EngineError::DiskFull
        ));
        let nested = fjall::Error::Storage(fjall::LsmError::Io(full()));
        assert!(matches!(engine_error(nested), EngineError::DiskFull));
        let broken = fjall::Error::Io(io::Error::from(io::ErrorKind::PermissionDenied));
        assert!(matches!(engine_error(broken), EngineError::Failed(_)));
    }

    #[test]
    fn a_locked_directory_is_in_use() {
        let error = open_error(PathBuf::from("data"), fjall::Error::Locked);
        assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    }
}
