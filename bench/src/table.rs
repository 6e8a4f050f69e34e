//! What a run came to, for a person to read.

use comfy_table::{Cell, CellAlignment, Table, presets};

use crate::results::{CaseResult, Results};

/// The figures of every way of every case, as a table of Markdown.
pub(crate) fn figures(results: &Results) -> String {
    let mut table = table([
        "case", "way", "unit", "median", "min", "max", "ratio", "s/GiB", "peak MiB",
    ]);
    for case in &results.cases {
        if let Some(failure) = &case.failure {
            table.add_row([
                case.name.as_str(),
                "",
                "",
                "",
                "",
                "",
                "",
                "",
                &format!("FAILED: {failure}"),
            ]);
        }
        for way in &case.ways {
            table.add_row([
                case.name.clone(),
                way.name.to_owned(),
                case.unit.to_owned(),
                number(way.median),
                number(way.min),
                number(way.max),
                way.ratio
                    .map_or_else(String::new, |ratio| format!("{:.3}", ratio.median)),
                way.cpu_seconds_per_gib
                    .map_or_else(String::new, |cpu| format!("{cpu:.3}")),
                way.memory_peak_bytes
                    .map_or_else(String::new, |bytes| format!("{:.0}", bytes / f64::from(1 << 20))),
            ]);
        }
    }
    align(table, 3)
}

/// Every bound with its mark, as a table of Markdown.
pub(crate) fn bounds(results: &Results) -> String {
    let mut table = table(["case", "bound of", "bound", "median", "from", "to", "mark"]);
    for case in &results.cases {
        for bound in &case.bounds {
            table.add_row([
                case.name.clone(),
                bound.about.clone(),
                bound.limit.to_string(),
                number(bound.seen.median),
                number(bound.seen.low),
                number(bound.seen.high),
                bound.verdict.to_string(),
            ]);
        }
        if case.failure.is_some() {
            table.add_row([case.name.as_str(), "all", "", "", "", "", "FAILED"]);
        }
    }
    align(table, 3)
}

/// One line for a case that has just run.
pub(crate) fn line(case: &CaseResult) -> String {
    let ways = case
        .ways
        .iter()
        .map(|way| format!("{} {}", way.name, number(way.median)));
    let bounds = case.bounds.iter().map(|bound| {
        format!(
            "{} {} ({} {})",
            bound.about,
            number(bound.seen.median),
            bound.limit,
            bound.verdict
        )
    });
    let words: Vec<String> = ways.chain(bounds).collect();
    format!("{} [{}]: {}", case.name, case.unit, words.join(", "))
}

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(header.map(Cell::new));
    table
}

fn align(mut table: Table, first_number: usize) -> String {
    for column in table.column_iter_mut().skip(first_number) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// Three or four digits that count, whatever the size.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
