//! Rows from lines.

use std::io::{self, BufRead, Read as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use super::Format;
use super::source::{KEY_BYTES_MAX, ROW_BYTES_MAX, Row};

/// Bytes of a line at most: a value of which each byte is written as six.
const LINE_BYTES_MAX: u64 = 8 << 20;

/// Reads lines, and counts them.
pub(super) struct Lines {
    from: Box<dyn BufRead>,
    format: Format,
    base64: bool,
    /// The line that was read last, from 1.
    number: u64,
    bytes: u64,
}

/// A line that is no row, and why.
#[derive(Debug)]
pub(super) struct BadLine {
    pub(super) line: u64,
    pub(super) why: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonRow {
    key: String,
    value: Value,
}

impl Lines {
    pub(super) fn new(from: Box<dyn BufRead>, format: Format, base64: bool) -> Self {
        Self {
            from,
            format,
            base64,
            number: 0,
            bytes: 0,
        }
    }

    /// Bytes that were read.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    fn bad(&self, why: impl Into<String>) -> BadLine {
        BadLine {
            line: self.number,
            why: why.into(),
        }
    }

    /// The next line, without its end; none after the last.
    fn line(&mut self) -> io::Result<Option<Result<Vec<u8>, &'static str>>> {
        let mut line = Vec::new();
        let read = (&mut self.from)
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.bytes += read as u64;
        if line.last() == Some(&b'\n') {
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
        } else if read as u64 == LINE_BYTES_MAX {
            self.bytes += self.from.skip_until(b'\n')? as u64;
            return Ok(Some(Err("the line is too long")));
        }
        Ok(Some(Ok(line)))
    }

    fn row(&self, line: &[u8]) -> Result<Row, String> {
        let (key, value) = match self.format {
            Format::Tsv => {
                let tab = line.iter().position(|byte| *byte == b'\t');
                let tab = tab.ok_or("there is no tab between key and value")?;
                (line[..tab].to_vec(), Some(line[tab + 1..].to_vec()))
            }
            Format::Jsonl => self.json(line)?,
        };
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return Err(format!("a key has 1 to {KEY_BYTES_MAX} bytes, not {}", key.len()));
        }
        let len = key.len() + value.as_ref().map_or(0, Vec::len);
        if len > ROW_BYTES_MAX {
            return Err(format!(
                "key and value have {ROW_BYTES_MAX} bytes at most, not {len}"
            ));
        }
        Ok(Row {
            line: self.number,
            key,
            value,
            may_be_written: false,
        })
    }

    fn json(&self, line: &[u8]) -> Result<(Vec<u8>, Option<Vec<u8>>), String> {
        let row: JsonRow = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let plain = |text: String| {
            if self.base64 {
                STANDARD
                    .decode(&text)
                    .map_err(|error| format!("no base64: {error}"))
            } else {
                Ok(text.into_bytes())
            }
        };
        let value = match row.value {
            Value::Null => None,
            Value::String(text) => Some(plain(text)?),
            _ if self.base64 => return Err("the value is no string".to_owned()),
            other => Some(other.to_string().into_bytes()),
        };
        Ok((plain(row.key)?, value))
    }
}

impl Iterator for Lines {
    type Item = Result<Row, BadLine>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = match self.line() {
                Ok(line) => line?,
                Err(error) => {
                    // Nothing can come after it: the source ends here, and says so.
                    self.number += 1;
                    self.from = Box::new(io::empty());
                    return Some(Err(self.bad(format!("cannot be read, nor what follows: {error}"))));
                }
            };
            match line {
                Ok(line) if line.is_empty() => {}
                Ok(line) => return Some(self.row(&line).map_err(|why| self.bad(why))),
                Err(why) => return Some(Err(self.bad(why))),
            }
        }
    }
}
