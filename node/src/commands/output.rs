//! What a command says: one JSON value for programs, a table for people.

use std::io::{self, Write as _};

use clap::Args;
use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use serde::Serialize;

use super::Failure;

/// How the answer is written.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Output {
    /// Print one JSON value on stdout, and nothing else there.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// An answer that a person can read too.
pub(crate) trait Shown: Serialize {
    /// The text for people, without a line end.
    fn text(&self) -> String;
}

impl Output {
    /// Writes an answer to stdout.
    pub(crate) fn show(self, answer: &impl Shown) -> Result<(), Failure> {
        let text = if self.json {
            serde_json::to_string(answer).map_err(|error| Failure::Output(error.into()))?
        } else {
            answer.text()
        };
        print_line(text.as_bytes())
    }

    /// Tells people what was done; programs see the answer.
    pub(crate) fn tell(self, what: &str) {
        if !self.json {
            note(what);
        }
    }
}

/// Writes a line to stdout. That nobody reads on is no failure: `tidegate scan … | head`.
pub(crate) fn print_line(text: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout
        .write_all(text)
        .and_then(|()| stdout.write_all(b"\n"))
        .and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Output(error)),
        _ => Ok(()),
    }
}

/// Says something on stderr.
pub(crate) fn note(what: &str) {
    // Where nobody reads it, there is nobody to tell.
    let _ = writeln!(io::stderr(), "{what}");
}

/// A table for people; numbers stand to the right.
#[derive(Debug)]
pub(crate) struct Grid {
    table: Table,
    right: Vec<bool>,
}

impl Grid {
    /// A table with these columns; a name that begins with `>` stands to the right.
    pub(crate) fn new(columns: &[&str]) -> Self {
        let mut table = Table::new();
        table
            .load_style(UTF8_BORDERS_ONLY)
            .set_content_arrangement(ContentArrangement::Disabled);
        let right: Vec<bool> = columns.iter().map(|name| name.starts_with('>')).collect();
        let names = columns.iter().map(|name| name.trim_start_matches('>'));
        table.set_header(
            names
                .zip(&right)
                .map(|(name, right)| cell(name.to_owned(), *right)),
        );
        Self { table, right }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let right = &self.right;
        self.table.add_row(
            cells
                .into_iter()
                .enumerate()
                .map(|(column, text)| cell(text, right.get(column).copied().unwrap_or(false))),
        );
    }

    /// The table, or what to say instead where it has no rows.
    pub(crate) fn text_or(&self, none: &str) -> String {
        if self.table.is_empty() {
            none.to_owned()
        } else {
            self.table.to_string()
        }
    }
}

fn cell(text: String, right: bool) -> Cell {
    Cell::new(text).set_alignment(if right {
        CellAlignment::Right
    } else {
        CellAlignment::Left
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_its_numbers_to_the_right() {
        let mut grid = Grid::new(&["name", ">rows"]);
        assert_eq!(grid.text_or("nothing"), "nothing");
        grid.row(["a".to_owned(), "7".to_owned()]);
        grid.row(["long name".to_owned(), "12345".to_owned()]);
        let text = grid.text_or("nothing");
        assert!(text.contains("│ a               7 │"), "{text}");
    }
}
