//! The report says what the metrics and the oracle say.

use std::collections::BTreeSet;

use clap::Parser;
use metrics::{counter, gauge, histogram};

use super::*;
use crate::demo::metrics::MetricsRecorder;

const FIELDS: &str = "nodes tablets replicas transport metadata rows_loaded bytes_loaded moves_started moves_completed \
    moves_rolled_back moves_failed retries streams_cut coordinators_replaced batches_sent batches_applied \
    refused_closed bytes_streamed rows_checked rows_lost rows_resurrected sessions_opened sessions_closed \
    sessions_left guards_left staged_left stream_mib_s drain_ms elapsed_s ok";

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    demo: DemoArgs,
}

fn args(more: &[&str]) -> DemoArgs {
    Cli::parse_from(["demo"].iter().chain(more)).demo
}

fn recorded() -> Snapshot {
    let recorder = MetricsRecorder::new();
    metrics::with_local_recorder(&recorder, || {
        counter!("tidegate_transitions_begun_total", "kind" => "migration").increment(34);
        counter!("tidegate_transitions_begun_total", "kind" => "purge").increment(1);
        counter!("tidegate_transitions_completed_total", "kind" => "migration").increment(33);
        counter!("tidegate_transitions_rolled_back_total", "kind" => "migration").increment(1);
        counter!("tidegate_coordinator_started_total").increment(2);
        counter!("tidegate_coordinator_retries_total", "operation" => "stream").increment(4);
        counter!("tidegate_streams_ended_total", "role" => "receive", "cause" => "disconnected").increment(5);
        counter!("tidegate_streams_ended_total", "role" => "send", "cause" => "disconnected").increment(5);
        counter!("tidegate_stream_rejected_total", "reason" => "closing", "at" => "attach").increment(1);
        counter!("tidegate_stream_rejected_total", "reason" => "not_yet_open", "at" => "attach").increment(7);
        counter!("tidegate_thaw_rejected_total", "reason" => "closed").increment(1);
        counter!("tidegate_stream_bytes_sent_total").increment(8 << 20);
        counter!("tidegate_stream_bytes_applied_total").increment(8 << 20);
        histogram!("tidegate_stream_busy_seconds").record(1.0);
        histogram!("tidegate_stream_busy_seconds").record(1.0);
        histogram!("tidegate_session_drain_seconds").record(0.002);
        gauge!("tidegate_sessions_open").increment(1.0);
        gauge!("tidegate_sessions_open").decrement(1.0);
    });
    recorder.snapshot()
}

fn report(args: &DemoArgs, metrics: &Snapshot, verdict: &Verdict) -> Report {
    Report::new(
        &Facts::new(args, 100, 1 << 20),
        metrics,
        verdict,
        &[],
        Duration::from_millis(1500),
    )
}

#[test]
fn the_object_has_the_fields_that_are_promised_and_no_other() {
    let report = report(&args(&["--json"]), &recorded(), &Verdict::default());
    let object: serde_json::Value = serde_json::from_str(&report.to_json()).expect("is JSON");
    let found: BTreeSet<&str> = object
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(found, FIELDS.split_whitespace().collect());
    assert_eq!(object["transport"], "quic");
    assert_eq!(object["metadata"], "raft");
    assert_eq!(object["moves_started"], 34);
    assert_eq!(object["moves_completed"], 33);
    assert_eq!(object["moves_rolled_back"], 1);
    assert_eq!(object["coordinators_replaced"], 1);
    assert_eq!(object["retries"], 4);
    assert_eq!(object["streams_cut"], 5);
    assert_eq!(object["refused_closed"], 2);
    assert_eq!(object["stream_mib_s"], 8.0);
    assert_eq!(object["drain_ms"]["max"], 2.0);
    assert_eq!(object["elapsed_s"], 1.5);
    assert_eq!(object["ok"], true);
}

#[test]
fn what_is_left_or_wrong_is_not_ok() {
    let args = args(&[]);
    assert!(report(&args, &Snapshot::default(), &Verdict::default()).ok());
    for gauge in [
        "sessions_open",
        "sessions_closing",
        "guards_held",
        "staging_areas",
    ] {
        let recorder = MetricsRecorder::new();
        metrics::with_local_recorder(&recorder, || gauge!(format!("tidegate_{gauge}")).increment(1.0));
        assert!(
            !report(&args, &recorder.snapshot(), &Verdict::default()).ok(),
            "{gauge}"
        );
    }
    let wrong = Verdict {
        rows_misplaced: 1,
        ..Verdict::default()
    };
    let report = report(&args, &Snapshot::default(), &wrong);
    assert!(!report.ok());
    assert!(
        report.summary().ends_with("FAILED: 1 rows misplaced."),
        "{}",
        report.summary()
    );
}

#[test]
fn a_step_that_failed_is_not_ok_and_is_told_with_the_rest() {
    let failures = ["the late write: no receiver came to attach".to_owned()];
    let facts = Facts::new(&args(&[]), 100, 1 << 20);
    let report = Report::new(
        &facts,
        &recorded(),
        &Verdict::default(),
        &failures,
        Duration::ZERO,
    );
    assert!(!report.ok());
    let summary = report.summary();
    assert!(summary.contains(&failures[0]), "{summary}");
    assert!(
        summary.contains("33 completed"),
        "what was done is still told: {summary}"
    );
    assert!(report.to_json().contains("\"ok\":false"));
}

#[test]
fn the_summary_says_in_plain_words_what_came_back() {
    let wrong = Verdict {
        rows_resurrected: 12,
        ..Verdict::default()
    };
    let report = report(&args(&["--unfenced"]), &recorded(), &wrong);
    assert!(!report.ok());
    let summary = report.summary();
    assert!(summary.contains("12 deleted rows came back"), "{summary}");
    assert!(
        summary.contains("33 completed, 1 rolled back, 0 failed, of 34"),
        "{summary}"
    );
}
