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
        self.show_on(answer).map(drop)
    }

    /// Writes one of several answers to stdout; says whether somebody still reads.
    pub(crate) fn show_on(self, answer: &impl Shown) -> Result<Readers, Failure> {
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

/// Whether somebody reads on. That nobody does is no failure, and the end of what goes on: `tidegate scan … | head`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    Some,
    None,
}

/// Writes a line to stdout.
pub(crate) fn print_line(text: &[u8]) -> Result<Readers, Failure> {
    write_line(&mut io::stdout().lock(), text)
}

fn write_line(to: &mut impl io::Write, text: &[u8]) -> Result<Readers, Failure> {
    let written = to
        .write_all(text)
        .and_then(|()| to.write_all(b"\n"))
        .and_then(|()| to.flush());
    match written {
        Ok(()) => Ok(Readers::Some),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Readers::None),
        Err(error) => Err(Failure::Output(error)),
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

    /// Takes so many bytes; then nobody reads on.
    struct Head(usize);

    impl io::Write for Head {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.0);
            self.0 -= taken;
            if taken == 0 {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn that_nobody_reads_on_is_told_and_no_failure() {
        let mut head = Head(6);
        let mut line = || write_line(&mut head, b"line").expect("no failure");
        assert_eq!([line(), line()], [Readers::Some, Readers::None]);
    }

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
