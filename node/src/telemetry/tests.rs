//! The documented list, against the sources, and against what a node that runs emits.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const LIST: &str = include_str!("../../../docs/METRICS.md");

/// What the list says of a metric.
#[derive(Debug, PartialEq, Eq)]
struct Listed {
    kind: String,
    labels: BTreeSet<String>,
}

fn listed() -> BTreeMap<String, Listed> {
    let rows = LIST.lines().filter(|line| line.starts_with("| `tidegate_"));
    let mut all = BTreeMap::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [name, kind, labels, unit, meaning, worry] = cells.as_slice() else {
            panic!("a row of another form: {row}")
        };
        assert!(
            !unit.is_empty() && !meaning.is_empty() && !worry.is_empty(),
            "{row}"
        );
        let labels = labels.split(", ").filter(|label| *label != "–");
        let listed = Listed {
            kind: (*kind).to_owned(),
            labels: labels.map(|label| label.trim_matches('`').to_owned()).collect(),
        };
        let before = all.insert(name.trim_matches('`').to_owned(), listed);
        assert_eq!(before, None, "{name} is listed twice");
    }
    all
}

/// The product's sources: no tests, and not what feeds metrics of its own to a test.
fn sources() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let is_dir = |path: &PathBuf| path.is_dir();
    let entries = fs::read_dir(root).expect("the workspace");
    let crates = entries.map(|entry| entry.expect("a crate").path().join("src"));
    let mut all = String::new();
    for directory in crates.filter(is_dir) {
        for file in walkdir::WalkDir::new(directory) {
            let file = file.expect("a file").into_path();
            let is_test = file
                .components()
                .any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs" | "demo")));
            if !is_test && file.extension().is_some_and(|end| end == "rs") {
                all.push_str(&fs::read_to_string(file).expect("a source"));
            }
        }
    }
    all
}

/// Every word in quotes that begins as metrics do.
fn emitted_by(sources: &str) -> BTreeSet<String> {
    let word = |rest: &str| {
        let (word, _) = rest.split_once('"')?;
        let is_name = word.chars().all(|it| it.is_ascii_lowercase() || it == '_');
        is_name.then(|| format!("tidegate_{word}"))
    };
    let mut names: BTreeSet<String> = sources.split("\"tidegate_").skip(1).filter_map(word).collect();
    // Crates that are named by a path in a string.
    names.retain(|name| !matches!(name.as_str(), "tidegate_mutants" | "tidegate_fuzz"));
    names
}

#[test]
fn the_list_names_what_the_sources_emit_and_nothing_else() {
    let listed: BTreeSet<String> = listed().into_keys().collect();
    let emitted = emitted_by(&sources());
    let unlisted: Vec<_> = emitted.difference(&listed).collect();
    assert!(unlisted.is_empty(), "not in docs/METRICS.md: {unlisted:?}");
    let gone: Vec<_> = listed.difference(&emitted).collect();
    assert!(
        gone.is_empty(),
        "in docs/METRICS.md, and emitted by no line: {gone:?}"
    );
}

#[test]
fn what_alarms_wait_for_begins_at_zero() {
    let recording = super::Recording::new();
    metrics::with_local_recorder(recording.recorder(), super::begin_at_zero);
    let rendered = recording.metrics().render();
    hold_against_the_list(&rendered);
    for series in [
        "tidegate_streams_ended_total{role=\"receive\",cause=\"disk_full\"} 0",
        "tidegate_streams_ended_total{role=\"receive\",cause=\"decode\"} 0",
        "tidegate_streams_ended_total{role=\"send\",cause=\"stalled\"} 0",
        "tidegate_stream_refused_total{reason=\"not_member\"} 0",
    ] {
        assert!(
            rendered.lines().any(|line| line == series),
            "{series}\nin\n{rendered}"
        );
    }
}

/// Panics unless everything in a rendered text is listed with that type and those labels; gives the names.
pub(crate) fn hold_against_the_list(rendered: &str) -> BTreeSet<String> {
    let listed = listed();
    let mut seen = BTreeSet::new();
    let types = rendered.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    for line in types {
        let (name, kind) = line.split_once(' ').expect("a type");
        let known = listed.get(name).unwrap_or_else(|| panic!("{name} is not listed"));
        assert_eq!(known.kind, kind, "{name}");
        seen.insert(name.to_owned());
    }
    for line in rendered
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        let (series, _) = line.rsplit_once(' ').expect("a value");
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let ends = ["_bucket", "_sum", "_count"];
        let whole = ends
            .iter()
            .find_map(|end| name.strip_suffix(end))
            .filter(|name| seen.contains(*name));
        let known = &listed[whole.unwrap_or(name)];
        let labels = labels
            .trim_end_matches('}')
            .split(',')
            .filter_map(|label| label.split_once('='));
        let labels: BTreeSet<String> = labels
            .map(|(name, _)| name.to_owned())
            .filter(|name| name != "le")
            .collect();
        assert_eq!(labels, known.labels, "{series}");
    }
    seen
}
