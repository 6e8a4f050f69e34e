//! The totals as tables.

use std::fmt::Write as _;
use std::time::Duration;

use comfy_table::{Cell as TableCell, CellAlignment, ContentArrangement, Table};
use tidegate_tablets::Stage;

use super::Totals;
use crate::coverage::{Cell, KINDS, ROLES, UNREACHABLE, reason};
use crate::event::FaultKind;

pub(super) fn text(totals: &Totals, took: Duration) -> String {
    let coverage = &totals.coverage;
    let per_seed = |count: u64| count as f64 / totals.seeds.max(1) as f64;
    let mut text = String::new();
    // Writing into a string does not fail.
    let _ = writeln!(
        text,
        "{} seeds in {:.1} s ({:.1} ms each): {:.0} s of virtual time, {} events\n\
         per seed: {:.1} transitions, {:.1} client operations; {} seeds had no fault\n",
        totals.seeds,
        took.as_secs_f64(),
        took.as_secs_f64() * 1000.0 / totals.seeds.max(1) as f64,
        totals.virtual_time.as_secs_f64(),
        totals.events,
        per_seed(coverage.transitions),
        per_seed(coverage.client_ops),
        totals.without_faults,
    );
    let _ = writeln!(
        text,
        "{}\n{}\n{}",
        faults(totals),
        cells(totals),
        sometimes(totals)
    );
    for listed in &UNREACHABLE {
        let _ = writeln!(
            text,
            "- = {}, {}: {}",
            listed.stage,
            listed.role.name(),
            listed.reason
        );
    }
    for missed in totals.missed() {
        let _ = writeln!(text, "{missed}");
    }
    for name in coverage.sometimes.never() {
        let _ = writeln!(text, "never: {name}");
    }
    text
}

fn faults(totals: &Totals) -> Table {
    let mut table = table(["fault".to_owned(), "done".to_owned(), "inside a stage".to_owned()]);
    for kind in FaultKind::ALL
        .into_iter()
        .filter(|kind| totals.metadata.has(*kind))
    {
        let done = totals.coverage.faults.get(&kind).copied().unwrap_or_default();
        let hits = totals.coverage.hits.iter().filter(|((_, of, _), _)| *of == kind);
        let inside: u64 = hits.map(|(_, count)| *count).sum();
        table.add_row([TableCell::new(kind.name()), number(done), number(inside)]);
    }
    table
}

/// Stage by fault and victim, for those that have to be hit.
fn cells(totals: &Totals) -> Table {
    let columns = || {
        KINDS
            .into_iter()
            .flat_map(|kind| ROLES.into_iter().map(move |role| (kind, role)))
    };
    let mut header = vec!["stage".to_owned()];
    header.extend(columns().map(|(kind, role)| format!("{}\n{}", kind.name(), role.name())));
    let mut table = table(header);
    for stage in Stage::ALL {
        let mut row = vec![TableCell::new(stage.name())];
        row.extend(columns().map(|(kind, role)| {
            let cell: Cell = (stage, kind, role);
            match (totals.coverage.hits_of(&cell), reason(&cell)) {
                (0, Some(_)) => TableCell::new("-").set_alignment(CellAlignment::Right),
                (hits, _) => number(hits),
            }
        }));
        table.add_row(row);
    }
    table
}

fn sometimes(totals: &Totals) -> Table {
    let mut table = table(["sometimes".to_owned(), "times".to_owned()]);
    for (name, count) in totals.coverage.sometimes.counts() {
        table.add_row([TableCell::new(name), number(*count)]);
    }
    table
}

fn table(header: impl IntoIterator<Item = String>) -> Table {
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::UTF8_BORDERS_ONLY)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header);
    table
}

fn number(number: u64) -> TableCell {
    TableCell::new(number).set_alignment(CellAlignment::Right)
}
