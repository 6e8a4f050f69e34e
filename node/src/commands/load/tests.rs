//! What is read, and what becomes of what cannot be written.

use std::io::Cursor;

use serde_json::{Value, json};

use super::lines::Lines;
use super::*;
use crate::client::Client;
use crate::client::tests::{Does, Heard, connection, server};

fn source(text: &str, format: Format, base64: bool) -> Source {
    let lines = Lines::new(Box::new(Cursor::new(text.as_bytes().to_vec())), format, base64);
    Source::lines(lines, None, u64::MAX)
}

fn rows(text: &str, format: Format, base64: bool) -> Vec<Result<Row, NotWritten>> {
    source(text, format, base64).collect()
}

fn row(line: u64, key: &str, value: Option<&str>) -> Row {
    Row {
        line,
        key: key.into(),
        value: value.map(Into::into),
        may_be_written: false,
    }
}

#[test]
fn lines_of_tabs() {
    let found = rows("a\t1\n\nb\tx\ty\r\nno tab\n\tempty key\nc\t", Format::Tsv, false);
    assert_eq!(found[0], Ok(row(1, "a", Some("1"))));
    assert_eq!(found[1], Ok(row(3, "b", Some("x\ty"))));
    assert_eq!(found[2].as_ref().map_err(|bad| bad.line), Err(4));
    assert_eq!(found[3].as_ref().map_err(|bad| bad.line), Err(5));
    assert_eq!(found[4], Ok(row(6, "c", Some(""))));
    assert_eq!(found.len(), 5);
}

#[test]
fn lines_of_json() {
    let text = r#"{"key": "a", "value": "1"}
{"key": "b", "value": null}
{"key": "c", "value": {"x": [1]}}
{"key": "d"}
{"key": "e", "value": "", "more": 1}
nonsense"#;
    let found = rows(text, Format::Jsonl, false);
    assert_eq!(found[0], Ok(row(1, "a", Some("1"))));
    assert_eq!(found[1], Ok(row(2, "b", None)));
    assert_eq!(found[2], Ok(row(3, "c", Some("{\"x\":[1]}"))));
    assert!(found[3..].iter().all(Result::is_err));
    assert_eq!(found.len(), 6);
    let coded = rows("{\"key\":\"aGk=\",\"value\":\"AA==\"}\n", Format::Jsonl, true);
    assert_eq!(coded[0], Ok(row(1, "hi", Some("\0"))));
}

#[test]
fn a_line_without_end_is_bounded() {
    let long = "x".repeat(9 << 20);
    let found = rows(&format!("{long}\na\t1\n"), Format::Tsv, false);
    assert!(found[0].as_ref().is_err_and(|bad| bad.error.contains("too long")));
    assert_eq!(found[1], Ok(row(2, "a", Some("1"))));
}

#[test]
fn rows_of_one_key_are_never_in_one_batch() {
    let batch = [row(1, "a", None)];
    assert!(does_not_fit(&batch, &row(2, "a", None)));
    assert!(!does_not_fit(&batch, &row(2, "b", None)));
    let big = Row {
        value: Some(vec![0; BATCH_BYTES]),
        ..row(2, "b", None)
    };
    assert!(does_not_fit(&batch, &big));
    assert!(!does_not_fit(&[], &big), "alone it has to go");
}

fn loaded(text: &str, script: Vec<Does>, patience: Duration) -> (Loaded, Vec<Heard>) {
    let (url, server) = server(script);
    let client = Client::new(&connection(&url))
        .expect("makes sense")
        .within(Duration::from_millis(500));
    let interrupt = Interrupt::default();
    let writer = Writer::new(&client, "t", patience, &interrupt);
    let loaded = load(source(text, Format::Tsv, false), writer, &ProgressBar::hidden());
    (loaded, server.join().expect("ends"))
}

fn answer(written: u64, failures: &[(u64, bool)]) -> Does {
    let unknown = failures.iter().filter(|(_, unknown)| *unknown).count();
    let failures: Vec<Value> = failures
        .iter()
        .map(|(at, unknown)| json!({"at": at, "key": "", "outcome_unknown": unknown, "error": "no quorum"}))
        .collect();
    let body = json!({"written": written, "failed": failures.len(), "outcome_unknown": unknown, "failures": failures});
    Does::Answer(200, "application/json", body.to_string())
}

const LONG: Duration = Duration::from_secs(30);

#[test]
fn what_failed_is_written_again_until_all_is_written() {
    let script = vec![
        Does::BreakOff,
        Does::Answer(503, "text/plain", "no leader".to_owned()),
        answer(2, &[(1, true)]),
        answer(1, &[]),
    ];
    let (loaded, heard) = loaded("a\t1\nb\t2\nc\t3\n", script, LONG);
    assert_eq!(loaded.exit, Exit::Done);
    assert_eq!(loaded.report.rows, 3);
    assert_eq!(loaded.report.bytes, 6);
    assert_eq!(loaded.report.retries, 3);
    assert!(loaded.report.ok);
    let last: Value = serde_json::from_slice(&heard[3].body).expect("json");
    assert_eq!(last, json!({"rows": [{"key": "Yg==", "value": "Mg=="}]}));
    assert_eq!(heard[3].line.trim(), "POST /v1/tables/t/rows HTTP/1.1");
}

#[test]
fn what_could_not_be_written_is_named() {
    // The same key again begins a second batch; a third is never tried.
    let script = vec![answer(1, &[]), answer(0, &[(0, true)])];
    let (loaded, _) = loaded("a\t1\nbad\na\t2\na\t3\n", script, Duration::ZERO);
    let report = loaded.report;
    assert_eq!(loaded.exit, Exit::OutcomeUnknown);
    assert_eq!((report.rows, report.ok), (1, false));
    let named: Vec<_> = report
        .not_written
        .iter()
        .map(|row| (row.line, row.outcome_unknown))
        .collect();
    assert_eq!(named, [(2, false), (3, true)]);
    assert_eq!(report.not_tried_from, Some(4));
    let text = report.text();
    assert!(
        text.contains("line 3 (a): may or may not be written: no quorum"),
        "{text}"
    );
    assert!(text.ends_with("lines from 4 on: NOT tried"), "{text}");
}

#[test]
fn a_table_that_is_not_there_is_no_matter_of_lines() {
    let body = json!({"type": "/problems/unknown-table", "title": "No such table", "status": 404, "detail": "make it"});
    let script = vec![Does::Answer(404, "application/problem+json", body.to_string())];
    let (loaded, _) = loaded("a\t1\n", script, LONG);
    let refused = loaded.refused.expect("is refused");
    assert_eq!(refused.to_string(), "No such table: make it");
}

#[test]
fn nothing_to_load_is_well() {
    let (loaded, _) = loaded("\n\n", Vec::new(), LONG);
    assert_eq!(loaded.exit, Exit::Done);
    assert_eq!(loaded.report.text(), "0 rows written, 0 B");
}

#[test]
fn a_directory_of_which_something_cannot_be_read_is_not_loaded_well() {
    let root = tempfile::tempdir().expect("a directory");
    std::fs::write(root.path().join("a"), "1").expect("writes");
    std::os::unix::fs::symlink("/no/such/file", root.path().join("link")).expect("links");
    let load_it = |root: &std::path::Path| {
        let (url, server) = server(vec![answer(1, &[])]);
        let client = Client::new(&connection(&url)).expect("makes sense");
        let interrupt = Interrupt::default();
        let writer = Writer::new(&client, "t", LONG, &interrupt);
        let source = Source::open(root, None, false, u64::MAX).expect("opens");
        let loaded = load(source, writer, &ProgressBar::hidden());
        server.join().expect("ends");
        loaded
    };
    let loaded = load_it(root.path());
    assert_eq!((loaded.exit, loaded.report.left_out), (Exit::Done, 1));
    let text = loaded.report.text();
    assert!(
        text.contains("1 left out: neither files nor directories"),
        "{text}"
    );

    let mut report = loaded.report;
    report.unreadable = 1;
    let (url, server) = server(Vec::new());
    let client = Client::new(&connection(&url)).expect("makes sense");
    let interrupt = Interrupt::default();
    let writer = Writer::new(&client, "t", LONG, &interrupt);
    let finished = finished(report, &writer, None);
    assert_eq!((finished.exit, finished.report.ok), (Exit::Wrong, false));
    server.join().expect("ends");
}
