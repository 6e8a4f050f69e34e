//! Where rows come from.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;
use std::vec;

use bytes::Bytes;

use super::lines::{BadLine, Lines};
use super::{Failure, Format, NotWritten};
use crate::demo::input::{Input, LeftOut};

/// What the admin API takes.
pub(super) const KEY_BYTES_MAX: usize = 4096;
/// Key and value together, with what else a batch of one row has.
pub(super) const ROW_BYTES_MAX: usize = (960 << 10) - 256;

/// A row to write; without a value the key is deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// Its line, or its number in a directory; from 1.
    pub(super) line: u64,
    pub(super) key: Vec<u8>,
    pub(super) value: Option<Vec<u8>>,
    /// Whether a try of it had an unknown outcome.
    pub(super) may_be_written: bool,
}

impl Row {
    /// Bytes of key and value.
    pub(super) fn len(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, Vec::len)
    }
}

/// Rows, one after another; a bounded part of them is in memory.
pub(super) enum Source {
    Lines {
        lines: Lines,
        total: Option<u64>,
        /// Bytes of values that may still be given.
        left: u64,
    },
    Directory {
        files: Box<Input>,
        batch: vec::IntoIter<(Bytes, Bytes)>,
        number: u64,
        bytes: u64,
    },
}

impl Source {
    pub(super) fn open(
        path: &Path,
        format: Option<Format>,
        base64: bool,
        limit: u64,
    ) -> Result<Self, Failure> {
        let unreadable = |why: String| {
            Failure::arguments(
                format!("the input {} cannot be read: {why}", path.display()),
                "--input with a file, a directory or `-`",
            )
        };
        if path.is_dir() {
            return Ok(Self::Directory {
                files: Box::new(Input::open(path, limit).map_err(|error| unreadable(error.to_string()))?),
                batch: Vec::new().into_iter(),
                number: 0,
                bytes: 0,
            });
        }
        let format = format.unwrap_or_else(|| by_name(path));
        if path.as_os_str() == "-" {
            let lines = Lines::new(Box::new(BufReader::new(io::stdin())), format, base64);
            return Ok(Self::lines(lines, None, limit));
        }
        let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
        let total = file
            .metadata()
            .ok()
            .filter(std::fs::Metadata::is_file)
            .map(|it| it.len());
        let lines = Lines::new(Box::new(BufReader::new(file)), format, base64);
        Ok(Self::lines(lines, total, limit))
    }

    pub(super) const fn lines(lines: Lines, total: Option<u64>, limit: u64) -> Self {
        Self::Lines {
            lines,
            total,
            left: limit,
        }
    }

    /// Bytes that there are to read, where that is known.
    pub(super) const fn bytes_total(&self) -> Option<u64> {
        match self {
            Self::Lines { total, .. } => *total,
            Self::Directory { .. } => None,
        }
    }

    /// What of a directory gave no rows, or not all.
    pub(super) fn left_out(&self) -> LeftOut {
        match self {
            Self::Lines { .. } => LeftOut::default(),
            Self::Directory { files, .. } => files.left_out(),
        }
    }

    /// Bytes that were read.
    pub(super) const fn bytes_read(&self) -> u64 {
        match self {
            Self::Lines { lines, .. } => lines.bytes(),
            Self::Directory { bytes, .. } => *bytes,
        }
    }
}

fn by_name(path: &Path) -> Format {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("jsonl" | "ndjson" | "json") => Format::Jsonl,
        _ => Format::Tsv,
    }
}

impl Iterator for Source {
    type Item = Result<Row, NotWritten>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Lines { left: 0, .. } => None,
            Self::Lines { lines, left, .. } => Some(match lines.next()? {
                Ok(row) => {
                    *left = left.saturating_sub(row.value.as_ref().map_or(0, Vec::len) as u64);
                    Ok(row)
                }
                Err(BadLine { line, why }) => Err(NotWritten {
                    line,
                    key: None,
                    outcome_unknown: false,
                    error: why,
                }),
            }),
            Self::Directory {
                files,
                batch,
                number,
                bytes,
            } => loop {
                if let Some((key, value)) = batch.next() {
                    *number += 1;
                    *bytes += value.len() as u64;
                    return Some(Ok(Row {
                        line: *number,
                        key: key.into(),
                        value: Some(value.into()),
                        may_be_written: false,
                    }));
                }
                // Files that cannot be read are named by the reader, and left out.
                *batch = files.next()?.ok()?.into_rows().into_iter();
            },
        }
    }
}
