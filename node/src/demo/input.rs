//! Real input: the files below a directory, as rows.
//!
//! A file is cut into chunks; a chunk is a row. Its key is the file's path below the directory, `#`, and the chunk's
//! number. Files come in a stable order, so the same directory gives the same rows. What cannot be read is named in
//! a warning and left out.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::{BufMut, Bytes, BytesMut};
use thiserror::Error;
use tracing::warn;
use walkdir::WalkDir;

/// Bytes of a row's value at most.
const CHUNK_BYTES: usize = 16 << 10;
/// A batch is full at this many bytes of values, or at this many rows.
const BATCH_BYTES: u64 = 1 << 20;
const BATCH_ROWS: usize = 512;

/// Why there is no input.
#[derive(Debug, Error)]
pub(crate) enum InputError {
    /// The directory cannot be read.
    #[error("the input directory {path} cannot be read", path = .path.display())]
    Unreadable { path: PathBuf, source: io::Error },
}

/// Rows to be written together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct InputBatch {
    rows: Vec<(Bytes, Bytes)>,
    bytes: u64,
}

impl InputBatch {
    /// Its keys.
    pub(crate) fn keys(&self) -> Vec<Bytes> {
        self.rows.iter().map(|(key, _)| key.clone()).collect()
    }

    /// Bytes of its values.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Its keys and values.
    pub(crate) fn into_rows(self) -> Vec<(Bytes, Bytes)> {
        self.rows
    }

    fn push(&mut self, key: Bytes, value: Bytes) {
        self.bytes += value.len() as u64;
        self.rows.push((key, value));
    }

    const fn is_full(&self) -> bool {
        self.bytes >= BATCH_BYTES || self.rows.len() >= BATCH_ROWS
    }
}

/// The rows below a directory, batch by batch; one batch is in memory at a time.
#[derive(Debug)]
pub(crate) struct Input {
    root: PathBuf,
    walk: walkdir::IntoIter,
    file: Option<OpenFile>,
    /// Bytes that may still be given.
    left: u64,
    left_out: LeftOut,
}

/// How much of a directory gave no rows, or not all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// Files and directories that cannot be read, or not to the end.
    pub(crate) unreadable: u64,
    /// What is neither a file nor a directory.
    pub(crate) others: u64,
}

#[derive(Debug)]
struct OpenFile {
    file: File,
    path: PathBuf,
    /// The path below the root, as bytes.
    name: Vec<u8>,
    chunk: u64,
}

impl Input {
    /// The rows of the files below `root`, values of `limit` bytes in all at most.
    ///
    /// # Errors
    ///
    /// [`InputError`], if the directory itself cannot be read.
    pub(crate) fn open(root: &Path, limit: u64) -> Result<Self, InputError> {
        std::fs::read_dir(root).map_err(|source| InputError::Unreadable {
            path: root.to_owned(),
            source,
        })?;
        Ok(Self {
            root: root.to_owned(),
            walk: walk(root),
            file: None,
            left: limit,
            left_out: LeftOut::default(),
        })
    }

    /// What was left out so far.
    pub(crate) const fn left_out(&self) -> LeftOut {
        self.left_out
    }

    /// The next file that can be opened.
    fn next_file(&mut self) -> Option<OpenFile> {
        loop {
            let entry = match self.walk.next()? {
                Ok(entry) if entry.file_type().is_file() => entry,
                Ok(entry) if entry.file_type().is_dir() => continue,
                Ok(entry) => {
                    self.left_out.others += 1;
                    // Not opened to find out: a pipe would hold us up, a link may lead back up.
                    warn!(path = %entry.path().display(), "left out: neither a file nor a directory");
                    continue;
                }
                Err(error) => {
                    self.left_out.unreadable += 1;
                    warn!(%error, "left out: cannot be read");
                    continue;
                }
            };
            let path = entry.into_path();
            match File::open(&path) {
                Ok(file) => {
                    let name = path.strip_prefix(&self.root).unwrap_or(&path);
                    let name = name.as_os_str().as_encoded_bytes().to_vec();
                    return Some(OpenFile {
                        file,
                        path,
                        name,
                        chunk: 0,
                    });
                }
                Err(error) => {
                    self.left_out.unreadable += 1;
                    warn!(path = %path.display(), %error, "left out: cannot be read");
                }
            }
        }
    }

    /// The next chunk of the open file, or of the one after it.
    fn next_row(&mut self) -> Option<(Bytes, Bytes)> {
        while self.left > 0 {
            let mut open = match self.file.take() {
                Some(open) => open,
                None => self.next_file()?,
            };
            match open.next_chunk(self.left) {
                Ok(Some(row)) => {
                    self.left -= row.1.len() as u64;
                    self.file = Some(open);
                    return Some(row);
                }
                Ok(None) => {}
                Err(error) => {
                    self.left_out.unreadable += 1;
                    warn!(path = %open.path.display(), %error, "its rest is left out: cannot be read");
                }
            }
        }
        None
    }
}

impl OpenFile {
    fn next_chunk(&mut self, left: u64) -> io::Result<Option<(Bytes, Bytes)>> {
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK_BYTES);
        let mut value = Vec::new();
        (&mut self.file).take(len as u64).read_to_end(&mut value)?;
        if value.is_empty() {
            return Ok(None);
        }
        let number = format!("#{:06}", self.chunk);
        let mut key = BytesMut::with_capacity(self.name.len() + number.len());
        key.put_slice(&self.name);
        key.put_slice(number.as_bytes());
        self.chunk += 1;
        Ok(Some((key.freeze(), value.into())))
    }
}

impl Iterator for Input {
    type Item = Result<InputBatch, InputError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut batch = InputBatch::default();
        while !batch.is_full() {
            match self.next_row() {
                Some((key, value)) => batch.push(key, value),
                None => break,
            }
        }
        if batch.rows.is_empty() {
            None
        } else {
            Some(Ok(batch))
        }
    }
}

/// Whether a file lies below `root` that can be read and is not empty.
pub(crate) fn has_rows(root: &Path) -> bool {
    walk(root)
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .any(|entry| {
            let mut byte = [0];
            File::open(entry.path())
                .and_then(|mut file| file.read(&mut byte))
                .is_ok_and(|read| read > 0)
        })
}

fn walk(root: &Path) -> walkdir::IntoIter {
    WalkDir::new(root)
        .follow_links(false)
        .sort_by_file_name()
        .into_iter()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn rows(root: &Path, limit: u64) -> Vec<(Bytes, Bytes)> {
        Input::open(root, limit)
            .expect("opens")
            .flat_map(|batch| batch.expect("a batch").into_rows())
            .collect()
    }

    #[test]
    fn files_become_chunks_in_a_stable_order() {
        let root = tempfile::tempdir().expect("a directory");
        fs::create_dir(root.path().join("b")).expect("makes a directory");
        fs::write(root.path().join("b/big"), vec![7; CHUNK_BYTES + 10]).expect("writes");
        fs::write(root.path().join("c"), "last").expect("writes");
        fs::write(root.path().join("a"), "first").expect("writes");
        fs::write(root.path().join("empty"), "").expect("writes");
        let found = rows(root.path(), u64::MAX);
        let keys: Vec<_> = found
            .iter()
            .map(|(key, _)| std::str::from_utf8(key).expect("text"))
            .collect();
        assert_eq!(keys, ["a#000000", "b/big#000000", "b/big#000001", "c#000000"]);
        assert_eq!(found[1].1.len(), CHUNK_BYTES);
        assert_eq!(found[2].1, vec![7; 10]);
        assert_eq!(found, rows(root.path(), u64::MAX));
    }

    #[test]
    fn the_limit_is_kept_to_the_byte() {
        let root = tempfile::tempdir().expect("a directory");
        for name in 0..300 {
            fs::write(root.path().join(format!("{name:03}")), vec![1; 10_000]).expect("writes");
        }
        let limit = 2_000_003;
        let batches: Vec<_> = Input::open(root.path(), limit)
            .expect("opens")
            .map(|b| b.expect("a batch"))
            .collect();
        assert_eq!(batches.iter().map(InputBatch::bytes).sum::<u64>(), limit);
        assert!(
            batches
                .iter()
                .all(|batch| batch.bytes() < BATCH_BYTES + CHUNK_BYTES as u64)
        );
        let keys: std::collections::BTreeSet<_> = batches.iter().flat_map(InputBatch::keys).collect();
        assert_eq!(keys.len(), 201, "no key comes twice");
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let root = tempfile::tempdir().expect("a directory");
        assert!(!has_rows(root.path()));
        std::os::unix::fs::symlink("/no/such/file", root.path().join("a")).expect("links");
        fs::write(root.path().join("b"), "").expect("writes");
        assert!(!has_rows(root.path()));
        fs::write(root.path().join("c"), "text").expect("writes");
        assert!(has_rows(root.path()));
        assert_eq!(rows(root.path(), 100).len(), 1);
        let mut input = Input::open(root.path(), 100).expect("opens");
        while input.next().is_some() {}
        let left_out = LeftOut {
            unreadable: 0,
            others: 1,
        };
        assert_eq!(input.left_out(), left_out);
        assert!(Input::open(&root.path().join("none"), 1).is_err());
    }
}
