//! What the demo says at the end, for a program and for a person.
//!
//! The numbers are the product's own metrics, the oracle's verdict, and what was asked for.

use std::io::{self, Write};
use std::time::Duration;

use bytesize::ByteSize;
use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{Cell, CellAlignment, Table};
use serde::Serialize;

use super::args::DemoArgs;
use super::metrics::{Distribution, Snapshot};
use super::oracle::Verdict;

const MIB: f64 = 1024.0 * 1024.0;

/// What was asked for, and loaded.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    nodes: u32,
    tablets: u32,
    replicas: u32,
    transport: &'static str,
    metadata: &'static str,
    unfenced: bool,
    rows: u64,
    bytes: u64,
}

impl Facts {
    /// What these arguments ask for, and that so many rows with values of so many bytes were loaded.
    pub(crate) const fn new(args: &DemoArgs, rows: u64, bytes: u64) -> Self {
        Self {
            nodes: args.nodes,
            tablets: args.tablets,
            replicas: args.replicas,
            transport: args.transport.name(),
            metadata: args.metadata.name(),
            unfenced: args.unfenced,
            rows,
            bytes,
        }
    }
}

/// Milliseconds from closing a session to its last holder gone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct DrainMillis {
    p50: f64,
    p99: f64,
    max: f64,
}

impl From<Distribution> for DrainMillis {
    fn from(seconds: Distribution) -> Self {
        let millis = |seconds: f64| (seconds * 1e6).round() / 1e3;
        Self {
            p50: millis(seconds.p50),
            p99: millis(seconds.p99),
            max: millis(seconds.max),
        }
    }
}

/// How the demo went. What is serialized are the fields that the README lists.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Report {
    nodes: u32,
    tablets: u32,
    replicas: u32,
    transport: &'static str,
    metadata: &'static str,
    rows_loaded: u64,
    bytes_loaded: u64,
    moves_started: u64,
    moves_completed: u64,
    moves_rolled_back: u64,
    moves_failed: u64,
    retries: u64,
    streams_cut: u64,
    coordinators_replaced: u64,
    batches_sent: u64,
    batches_applied: u64,
    refused_closed: u64,
    bytes_streamed: u64,
    rows_checked: u64,
    rows_lost: u64,
    rows_resurrected: u64,
    sessions_opened: u64,
    sessions_closed: u64,
    sessions_left: u64,
    guards_left: u64,
    staged_left: u64,
    stream_mib_s: f64,
    drain_ms: DrainMillis,
    elapsed_s: f64,
    ok: bool,
    #[serde(skip)]
    unfenced: bool,
    #[serde(skip)]
    rows_misplaced: u64,
    #[serde(skip)]
    findings: Vec<String>,
    /// What did not come about at all.
    #[serde(skip)]
    failures: Vec<String>,
}

impl Report {
    /// Puts together what is known; with a failure it is not ok, whatever else it says.
    pub(crate) fn new(
        facts: &Facts,
        metrics: &Snapshot,
        verdict: &Verdict,
        failures: &[String],
        elapsed: Duration,
    ) -> Self {
        let moves = |name: &str| metrics.counter_where(name, &[("kind", &["migration", "rebuild"])]);
        let closed: (&str, &[&str]) = ("reason", &["closing", "closed"]);
        let cut: [(&str, &[&str]); 2] = [("role", &["receive"]), ("cause", &["disconnected"])];
        let left = |name: &str| metrics.gauge(name).max(0.0).round() as u64;
        let mut report = Self {
            nodes: facts.nodes,
            tablets: facts.tablets,
            replicas: facts.replicas,
            transport: facts.transport,
            metadata: facts.metadata,
            rows_loaded: facts.rows,
            bytes_loaded: facts.bytes,
            moves_started: moves("tidegate_transitions_begun_total"),
            moves_completed: moves("tidegate_transitions_completed_total"),
            moves_rolled_back: moves("tidegate_transitions_rolled_back_total"),
            moves_failed: metrics.counter("tidegate_coordinator_gave_up_total"),
            retries: metrics.counter("tidegate_coordinator_retries_total"),
            streams_cut: metrics.counter_where("tidegate_streams_ended_total", &cut),
            coordinators_replaced: metrics
                .counter("tidegate_coordinator_started_total")
                .saturating_sub(1),
            batches_sent: metrics.counter("tidegate_stream_batches_sent_total"),
            batches_applied: metrics.counter("tidegate_stream_batches_applied_total"),
            refused_closed: metrics.counter_where("tidegate_stream_rejected_total", &[closed])
                + metrics.counter_where("tidegate_thaw_rejected_total", &[closed]),
            bytes_streamed: metrics.counter("tidegate_stream_bytes_applied_total"),
            rows_checked: verdict.rows_checked,
            rows_lost: verdict.rows_lost,
            rows_resurrected: verdict.rows_resurrected,
            sessions_opened: metrics.counter("tidegate_sessions_opened_total"),
            sessions_closed: metrics.counter("tidegate_sessions_closed_total"),
            sessions_left: left("tidegate_sessions_open") + left("tidegate_sessions_closing"),
            guards_left: left("tidegate_guards_held"),
            staged_left: left("tidegate_staging_areas"),
            stream_mib_s: stream_mib_s(metrics),
            drain_ms: metrics.histogram("tidegate_session_drain_seconds").into(),
            elapsed_s: (elapsed.as_secs_f64() * 1e3).round() / 1e3,
            ok: false,
            unfenced: facts.unfenced,
            rows_misplaced: verdict.rows_misplaced,
            findings: verdict.findings.iter().map(ToString::to_string).collect(),
            failures: failures.to_vec(),
        };
        report.ok =
            verdict.ok() && report.nothing_is_left() && report.moves_failed == 0 && failures.is_empty();
        report
    }

    /// Whether all held.
    pub(crate) const fn ok(&self) -> bool {
        self.ok
    }

    /// Prints what the arguments ask for, on stdout. What the object has no field for goes to stderr.
    pub(crate) fn print(&self, args: &DemoArgs) {
        // Whoever closed the other end does not want to read it.
        let _ = if args.json {
            for failure in &self.failures {
                let _ = writeln!(io::stderr(), "error: {failure}");
            }
            writeln!(io::stdout(), "{}", self.to_json())
        } else {
            writeln!(io::stdout(), "{}", self.summary())
        };
    }

    const fn nothing_is_left(&self) -> bool {
        self.sessions_left == 0 && self.guards_left == 0 && self.staged_left == 0
    }

    fn to_json(&self) -> String {
        // Numbers, texts and a flag: there is nothing that JSON cannot hold.
        serde_json::to_string(self).unwrap_or_default()
    }

    fn summary(&self) -> String {
        let mut lines = vec![self.table().to_string()];
        lines.extend(self.findings.iter().map(|finding| format!("  {finding}")));
        lines.extend(self.failures.iter().map(|failure| format!("  error: {failure}")));
        lines.push(self.conclusion());
        lines.join("\n")
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_BORDERS_ONLY);
        for (what, text) in self.work().into_iter().chain(self.checks()) {
            table.add_row([
                Cell::new(what).set_alignment(CellAlignment::Right),
                Cell::new(text),
            ]);
        }
        table
    }

    /// What was done.
    fn work(&self) -> [(&'static str, String); 5] {
        let Self {
            nodes,
            transport,
            metadata,
            tablets,
            replicas,
            ..
        } = self;
        let cluster = format!(
            "{nodes} nodes over {transport}, metadata on {metadata}, {tablets} tablets, {replicas} replicas each"
        );
        let loaded = format!("{} rows, {}", self.rows_loaded, iec(self.bytes_loaded));
        let Self {
            moves_started,
            moves_completed,
            moves_rolled_back,
            moves_failed,
            ..
        } = self;
        let moves = format!(
            "{moves_completed} completed, {moves_rolled_back} rolled back, {moves_failed} failed, of {moves_started}"
        );
        let Self {
            streams_cut,
            coordinators_replaced,
            retries,
            ..
        } = self;
        let faults = format!(
            "{streams_cut} streams cut, {coordinators_replaced} coordinators replaced, {retries} retries"
        );
        let Self {
            batches_applied,
            stream_mib_s,
            ..
        } = self;
        let streamed = format!(
            "{} in {batches_applied} batches, {stream_mib_s:.1} MiB/s a stream",
            iec(self.bytes_streamed)
        );
        [
            ("cluster", cluster),
            ("loaded", loaded),
            ("moves", moves),
            ("faults", faults),
            ("streamed", streamed),
        ]
    }

    /// What was looked at, and what was left.
    fn checks(&self) -> [(&'static str, String); 5] {
        let refused = format!("{} times, because the session was closed", self.refused_closed);
        let Self {
            sessions_opened,
            sessions_closed,
            sessions_left,
            guards_left,
            staged_left,
            ..
        } = self;
        let sessions = format!(
            "{sessions_opened} opened, {sessions_closed} closed; left: {sessions_left} sessions, \
             {guards_left} guards, {staged_left} staging areas"
        );
        let DrainMillis { p50, p99, max } = self.drain_ms;
        let drained = format!("{p50} ms (p50), {p99} ms (p99), {max} ms (max)");
        let Self {
            rows_checked,
            rows_lost,
            rows_resurrected,
            rows_misplaced,
            ..
        } = self;
        let rows = format!(
            "{rows_checked}: {rows_lost} lost, {rows_resurrected} came back, {rows_misplaced} misplaced"
        );
        let took = format!("{:.1} s", self.elapsed_s);
        [
            ("refused", refused),
            ("sessions", sessions),
            ("drained in", drained),
            ("rows checked", rows),
            ("took", took),
        ]
    }

    fn conclusion(&self) -> String {
        let back = self.rows_resurrected;
        if self.ok {
            return "All held: nothing lost, nothing back, nothing left behind.".to_owned();
        }
        if self.unfenced && back > 0 {
            return format!(
                "{back} deleted rows came back: a receiver that had been given up woke late and attached what it \
                 had. Nothing closed its session, so nothing stopped it. Without --unfenced it is refused."
            );
        }
        let mut wrong = Vec::new();
        for (count, what) in [
            (self.rows_lost, "rows lost"),
            (back, "rows back"),
            (self.rows_misplaced, "rows misplaced"),
            (self.moves_failed, "moves given up"),
            (self.sessions_left, "sessions left"),
            (self.guards_left, "guards left"),
            (self.staged_left, "staging areas left"),
        ] {
            if count > 0 {
                wrong.push(format!("{count} {what}"));
            }
        }
        if !self.failures.is_empty() {
            wrong.push("not all could be done".to_owned());
        }
        format!("FAILED: {}.", wrong.join(", "))
    }
}

fn iec(bytes: u64) -> String {
    ByteSize(bytes).display().iec().to_string()
}

/// What one stream carries in a second, on average over all, and over both of their ends.
fn stream_mib_s(metrics: &Snapshot) -> f64 {
    let carried = metrics.counter("tidegate_stream_bytes_sent_total")
        + metrics.counter("tidegate_stream_bytes_applied_total");
    let busy = metrics.histogram("tidegate_stream_busy_seconds").sum;
    if busy > 0.0 {
        (carried as f64 / MIB / busy * 10.0).round() / 10.0
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests;
