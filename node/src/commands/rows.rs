//! `tidegate put`, `get`, `delete` and `scan`.

use std::ffi::OsString;
use std::fs;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde::Serialize;
use ureq::http::Method;

use super::output::{Readers, Shown, note, print_line};
use super::units::{text, utc};
use super::{Asking, Exit, Failure};
use crate::api::{ScannedRow, ScannedRows, Written};
use crate::client::{Client, Route};

/// Rows that a scan asks for at once.
const PAGE_ROWS: u64 = 1000;

fn route(table: &str, key: &OsString) -> Route {
    Route::v1()
        .at("tables")
        .at(table)
        .at("rows")
        .at_bytes(key.as_encoded_bytes())
}

const PUT_EXAMPLE: &str = "\
Exits with 4 when nobody knows whether it was written: put it again, or look.

Examples:
  tidegate put files greeting 'hello'
  tidegate put files photo --file photo.jpg";

/// Writes a row; done when a quorum of its replicas has it.
#[derive(Debug, Args)]
#[command(after_help = PUT_EXAMPLE)]
pub(crate) struct PutArgs {
    /// The table's name.
    table: String,
    /// The key.
    key: OsString,
    /// The value.
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    value: Option<OsString>,
    /// The value is what this file holds; `-` is stdin.
    #[arg(long)]
    file: Option<PathBuf>,
    #[command(flatten)]
    asking: Asking,
}

impl PutArgs {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let value = match (&self.file, &self.value) {
            (Some(path), _) => contents(path)?,
            (None, value) => value.clone().unwrap_or_default().into_encoded_bytes(),
        };
        let route = route(&self.table, &self.key);
        let client = self.asking.client()?;
        let written = client.change_bytes(&Method::PUT, &route, Some(&value))?;
        let what = "written";
        self.asking.output.show(&Done { what, written })?;
        Ok(Exit::Done)
    }
}

fn contents(path: &PathBuf) -> Result<Vec<u8>, Failure> {
    let read = if path.as_os_str() == "-" {
        let mut value = Vec::new();
        io::stdin().lock().read_to_end(&mut value).map(|_| value)
    } else {
        fs::read(path)
    };
    read.map_err(|error| {
        Failure::arguments(
            format!("{} cannot be read: {error}", path.display()),
            "name a file that you may read",
        )
    })
}

#[derive(Debug, Serialize)]
struct Done {
    #[serde(skip)]
    what: &'static str,
    #[serde(flatten)]
    written: Written,
}

impl Shown for Done {
    fn text(&self) -> String {
        let Written { time, node } = self.written;
        format!("{} at {} UTC by node {node}'s clock", self.what, utc(time >> 16))
    }
}

/// Prints a row's value, as it is.
#[derive(Debug, Args)]
#[command(
    after_help = "Exits with 1 when there is no such key. With --json, key and value are in base64.\n\nExample:\n  tidegate get files greeting"
)]
pub(crate) struct GetArgs {
    /// The table's name.
    table: String,
    /// The key.
    key: OsString,
    #[command(flatten)]
    asking: Asking,
}

impl GetArgs {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let value = self.asking.client()?.read_bytes(&route(&self.table, &self.key))?;
        if self.asking.output.json {
            self.asking.output.show(&Row(ScannedRow {
                key: STANDARD.encode(self.key.as_encoded_bytes()),
                value: STANDARD.encode(&value),
            }))?;
            return Ok(Exit::Done);
        }
        let mut stdout = io::stdout().lock();
        let mut wrote = stdout.write_all(&value);
        if io::stdout().is_terminal() {
            wrote = wrote.and_then(|()| stdout.write_all(b"\n"));
        }
        match wrote.and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Output(error)),
            _ => Ok(Exit::Done),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Row(ScannedRow);

impl Shown for Row {
    fn text(&self) -> String {
        row(&self.0)
    }
}

/// Deletes a row; done when a quorum of its replicas knows.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tidegate delete files greeting")]
pub(crate) struct DeleteArgs {
    /// The table's name.
    table: String,
    /// The key.
    key: OsString,
    #[command(flatten)]
    asking: Asking,
}

impl DeleteArgs {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let route = route(&self.table, &self.key);
        let client = self.asking.client()?;
        let written = client.change_bytes(&Method::DELETE, &route, None)?;
        let what = "deleted";
        self.asking.output.show(&Done { what, written })?;
        Ok(Exit::Done)
    }
}

const SCAN_EXAMPLE: &str = "\
A line per row: the key, a tab, the value; what is not printable is escaped. With --json it prints one object, keys and
values in base64, and in `next` what to give as --after to go on.

Examples:
  tidegate scan files --limit 10
  tidegate scan files --limit 0 | wc -l";

/// Prints a table's rows, tablet by tablet.
#[derive(Debug, Args)]
#[command(after_help = SCAN_EXAMPLE)]
pub(crate) struct ScanArgs {
    /// The table's name.
    table: String,
    /// Rows at most; 0 is all of them.
    #[arg(long, value_name = "ROWS", default_value_t = 100)]
    limit: u64,
    /// Go on where an earlier scan said it ended.
    #[arg(long, value_name = "NEXT")]
    after: Option<String>,
    #[command(flatten)]
    asking: Asking,
}

impl ScanArgs {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let client = self.asking.client()?;
        self.scan(&client, &mut |row| print_line(row.as_bytes()))
    }

    /// `print` writes a row for people.
    fn scan(
        &self,
        client: &Client,
        print: &mut dyn FnMut(&str) -> Result<Readers, Failure>,
    ) -> Result<Exit, Failure> {
        let mut left = if self.limit == 0 { u64::MAX } else { self.limit };
        let mut all = ScannedRows {
            rows: Vec::new(),
            next: self.after.clone(),
        };
        loop {
            let page = left.min(PAGE_ROWS).to_string();
            let mut route = Route::v1()
                .at("tables")
                .at(&self.table)
                .at("rows")
                .with("limit", page);
            if let Some(after) = &all.next {
                route = route.with("after", after);
            }
            let page: ScannedRows = client.read(&route)?;
            left = left.saturating_sub(page.rows.len() as u64);
            all.next = page.next;
            if self.asking.output.json {
                all.rows.extend(page.rows);
            } else {
                for it in &page.rows {
                    if print(&row(it))? == Readers::None {
                        return Ok(Exit::Done);
                    }
                }
            }
            if left == 0 || all.next.is_none() {
                break;
            }
        }
        if self.asking.output.json {
            self.asking.output.show(&Rows(all))?;
        } else if let Some(next) = all.next {
            note(&format!("there may be more: --after {next}"));
        }
        Ok(Exit::Done)
    }
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Rows(ScannedRows);

impl Shown for Rows {
    fn text(&self) -> String {
        let rows: Vec<String> = self.0.rows.iter().map(row).collect();
        rows.join("\n")
    }
}

fn row(it: &ScannedRow) -> String {
    let plain = |coded: &String| {
        STANDARD
            .decode(coded)
            .map_or_else(|_| coded.clone(), |bytes| text(&bytes))
    };
    format!("{}\t{}", plain(&it.key), plain(&it.value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::client::tests::{Does, connection, server};
    use crate::commands::Output;

    #[test]
    fn a_scan_ends_where_nobody_reads_on() {
        let row = json!({"key": "aw==", "value": "dg=="});
        let page = json!({"rows": [row, row], "next": "more"});
        // A second page would find nobody who answers.
        let (url, server) = server(vec![Does::Answer(200, "application/json", page.to_string())]);
        let scan = ScanArgs {
            table: "t".to_owned(),
            limit: 0,
            after: None,
            asking: Asking {
                output: Output { json: false },
                connection: connection(&url),
            },
        };
        let client = scan.asking.client().expect("makes sense");
        let mut printed = Vec::new();
        let ended = scan.scan(&client, &mut |row| {
            printed.push(row.to_owned());
            Ok(Readers::None)
        });
        server.join().expect("ends");
        assert_eq!(ended.expect("no failure"), Exit::Done);
        assert_eq!(printed, ["k\tv"]);
    }
}
