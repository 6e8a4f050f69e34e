//! `tidegate load`.

mod lines;
mod source;
#[cfg(test)]
mod tests;
mod writer;

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use self::source::{Row, Source};
use self::writer::{Stop, Writer};
use super::output::Shown;
use super::units::{bytes, count, text};
use super::{Asking, Exit, Failure, Interrupt};

/// A batch is full at this many bytes of keys and values, or at this many rows.
const BATCH_BYTES: usize = 1 << 20;
const BATCH_ROWS: usize = 512;
/// Lines that cannot be loaded and are named; the others are counted.
const NAMED_MAX: usize = 1000;

const EXAMPLE: &str = "\
Input is a file of lines, stdin (`-`), or a directory:
  tsv    key, a tab, the value: the rest of the line
  jsonl  {\"key\": \"k\", \"value\": \"v\"}; a value that is no string is stored as its JSON, null deletes the key;
         with --base64 both are base64, as `tidegate scan --json` prints them
  a directory: its files in chunks of 16 KiB, with keys such as src/main.rs#000000

Of several rows of one key the last counts. A batch whose outcome is unknown is written again, until --give-up-after;
then it ends, and names every line that was not written, or is not known to be. Nothing is left out in silence.

Exits with 1 when a line was not written or a file not read, 3 when the node does not answer, 4 when of a row nobody knows.

Examples:
  tidegate load --table files --input src
  tidegate load --table users --input users.tsv
  tidegate load --table users --input - --format jsonl < users.jsonl";

/// Writes rows from files.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct LoadArgs {
    /// The table's name.
    #[arg(long, short, value_name = "NAME")]
    table: String,
    /// A file, a directory, or `-` for stdin.
    #[arg(long, short, value_name = "PATH")]
    input: PathBuf,
    /// How lines are to be read [default: jsonl for *.jsonl, *.ndjson and *.json, else tsv].
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Keys and values of JSON lines are base64.
    #[arg(long)]
    base64: bool,
    /// Load values of at most this much, such as 32MiB.
    #[arg(long, value_name = "SIZE")]
    limit: Option<bytesize::ByteSize>,
    /// Seconds that a batch is tried again.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    give_up_after: u32,
    #[command(flatten)]
    asking: Asking,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Tsv,
    Jsonl,
}

impl LoadArgs {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let client = self.asking.client()?;
        let limit = self.limit.map_or(u64::MAX, |limit| limit.as_u64());
        let source = Source::open(&self.input, self.format, self.base64, limit)?;
        warn_on_stderr();
        let interrupt = Interrupt::listen()?;
        let bar = bar(source.bytes_total(), self.asking.output.json);
        let patience = Duration::from_secs(u64::from(self.give_up_after));
        let writer = Writer::new(&client, &self.table, patience, &interrupt);
        let loaded = load(source, writer, &bar);
        bar.finish_and_clear();
        if let Some(refused) = loaded.refused {
            return Err(refused.into());
        }
        self.asking.output.show(&loaded.report)?;
        Ok(loaded.exit)
    }
}

/// What came of it.
#[derive(Debug)]
struct Loaded {
    report: Report,
    exit: Exit,
    /// Nothing was written, and the node said why.
    refused: Option<crate::client::ClientError>,
}

/// A row that was not written, or is not known to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct NotWritten {
    /// The line, or the number of the row in a directory; from 1.
    pub(super) line: u64,
    /// Its key, where it has one.
    pub(super) key: Option<String>,
    pub(super) outcome_unknown: bool,
    pub(super) error: String,
}

/// What was loaded, and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Report {
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) retries: u64,
    pub(super) not_written: Vec<NotWritten>,
    /// How many those are in all.
    pub(super) not_written_total: u64,
    /// Files and directories that cannot be read, or not to the end.
    pub(super) unreadable: u64,
    /// What is in a directory and neither file nor directory.
    pub(super) left_out: u64,
    /// From this line on nothing was tried.
    pub(super) not_tried_from: Option<u64>,
    pub(super) stopped: Option<String>,
    pub(super) ok: bool,
}

impl Report {
    fn missed(&mut self, row: NotWritten) {
        self.not_written_total += 1;
        if self.not_written.len() < NAMED_MAX {
            self.not_written.push(row);
        }
    }
}

fn load(mut source: Source, mut writer: Writer<'_>, bar: &ProgressBar) -> Loaded {
    let mut report = Report::default();
    let mut batch: Vec<Row> = Vec::new();
    let mut next_line = 1;
    let stop = loop {
        let row = source.next();
        let is_last = row.is_none();
        let mut held = None;
        match row {
            Some(Ok(row)) if does_not_fit(&batch, &row) => held = Some(row),
            Some(Ok(row)) => batch.push(row),
            Some(Err(bad)) => report.missed(bad),
            None => {}
        }
        if !batch.is_empty() && (is_last || held.is_some()) {
            next_line = batch.last().map_or(next_line, |row| row.line + 1);
            let full = std::mem::take(&mut batch);
            bar.set_message(count(writer.rows(), "row", "rows"));
            let stopped = writer.write(full, &mut report);
            bar.set_position(source.bytes_read());
            if let Err(stop) = stopped {
                let is_more = held.is_some() || source.next().is_some();
                report.not_tried_from = is_more.then_some(next_line);
                break Some(stop);
            }
        }
        batch.extend(held);
        if is_last && batch.is_empty() {
            break None;
        }
    };
    let left_out = source.left_out();
    (report.unreadable, report.left_out) = (left_out.unreadable, left_out.others);
    finished(report, &writer, stop)
}

/// Whether a row begins a new batch: the one there is is full, or has its key already.
fn does_not_fit(batch: &[Row], row: &Row) -> bool {
    let bytes: usize = batch.iter().map(Row::len).sum();
    !batch.is_empty()
        && (batch.len() >= BATCH_ROWS
            || bytes + row.len() > BATCH_BYTES
            || batch.iter().any(|earlier| earlier.key == row.key))
}

fn finished(mut report: Report, writer: &Writer<'_>, stop: Option<Stop>) -> Loaded {
    report.rows = writer.rows();
    report.bytes = writer.bytes();
    report.retries = writer.retries();
    report.ok = report.not_written_total == 0 && report.unreadable == 0 && stop.is_none();
    let is_unknown = report.not_written.iter().any(|row| row.outcome_unknown);
    let mut exit = if report.ok { Exit::Done } else { Exit::Wrong };
    let mut refused = None;
    match stop {
        None => {}
        Some(Stop::Interrupted) => {
            report.stopped = Some("interrupted".to_owned());
            exit = Exit::Interrupted;
        }
        Some(Stop::Failed(error)) => {
            report.stopped = Some(error.to_string());
            exit = error.exit();
            // The first batch shows whether the table is there at all: that is no matter of lines.
            if report.rows == 0 && !error.is_passing() {
                refused = Some(error);
            }
        }
        Some(Stop::Rows) => report.stopped = Some("rows cannot be written".to_owned()),
    }
    if is_unknown && exit != Exit::Interrupted {
        exit = Exit::OutcomeUnknown;
    }
    Loaded {
        report,
        exit,
        refused,
    }
}

/// Who reads a directory warns of what is left out.
fn warn_on_stderr() {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .without_time()
        .with_target(false);
    // An error says that a subscriber is set already.
    let _ = subscriber.try_init();
}

fn bar(total: Option<u64>, json: bool) -> ProgressBar {
    let template = if total.is_some() {
        "{wide_bar} {binary_bytes} of {binary_total_bytes} {binary_bytes_per_sec} {msg}"
    } else {
        "{spinner} {binary_bytes} {binary_bytes_per_sec} {msg}"
    };
    let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
    if json || !io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

impl Shown for Report {
    fn text(&self) -> String {
        let mut lines = vec![format!(
            "{} written, {}{}",
            count(self.rows, "row", "rows"),
            bytes(self.bytes),
            if self.retries == 0 {
                String::new()
            } else {
                format!(", {} tried again", count(self.retries, "batch", "batches"))
            }
        )];
        let (unreadable, others) = (self.unreadable, self.left_out);
        let unreadable =
            (unreadable > 0).then(|| format!("{unreadable} LEFT OUT, named above: cannot be read"));
        let others = (others > 0).then(|| format!("{others} left out: neither files nor directories"));
        lines.extend(unreadable.into_iter().chain(others));
        lines.extend(self.stopped.iter().map(|why| format!("stopped: {why}")));
        for row in &self.not_written {
            let key = row
                .key
                .as_ref()
                .map_or_else(String::new, |key| format!(" ({key})"));
            let what = if row.outcome_unknown {
                "may or may not be written"
            } else {
                "NOT written"
            };
            lines.push(format!("line {}{key}: {what}: {}", row.line, row.error));
        }
        let unnamed = self.not_written_total - self.not_written.len() as u64;
        if unnamed > 0 {
            lines.push(format!("and {unnamed} more"));
        }
        lines.extend(
            self.not_tried_from
                .map(|line| format!("lines from {line} on: NOT tried")),
        );
        lines.join("\n")
    }
}

/// A key in a message.
fn shown(key: &[u8]) -> String {
    text(key)
}
