//! `tidegate tables`: list, create, drop.

use clap::{Args, Subcommand};
use serde::Serialize;
use ureq::http::Method;

use super::output::{Grid, Shown};
use super::units::{bytes, count, known};
use super::{Asking, Exit, Failure};
use crate::api::{CreateTable, TableCreated, Tables};
use crate::client::Route;

const EXAMPLE: &str = "\
Examples:
  tidegate tables
  tidegate tables create files --tablets 16
  tidegate tables drop files";

/// Lists tables, makes one, drops one. Without more words, lists them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct TablesArgs {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    asking: Asking,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Lists the tables.
    List,
    /// Makes a table.
    #[command(after_help = "Example:\n  tidegate tables create files --tablets 16 --replicas 3")]
    Create {
        /// Its name: letters, digits, `.`, `_` and `-`.
        name: String,
        /// Into how many tablets it is cut.
        #[arg(long, default_value_t = 8)]
        tablets: u32,
        /// How many replicas each tablet has.
        #[arg(long, default_value_t = 3)]
        replicas: u32,
    },
    /// Drops a table with all its rows, and the moves of its tablets. There is no way back.
    #[command(after_help = "Example:\n  tidegate tables drop files")]
    Drop {
        /// Its name.
        name: String,
    },
}

impl TablesArgs {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let client = self.asking.client()?;
        let route = Route::v1().at("tables");
        let output = self.asking.output;
        match &self.what {
            None | Some(What::List) => output.show(&client.read::<Tables>(&route)?)?,
            Some(What::Create {
                name,
                tablets,
                replicas,
            }) => {
                let request = CreateTable {
                    name: name.clone(),
                    tablets: *tablets,
                    replicas: *replicas,
                };
                output.show(&client.change::<TableCreated>(&Method::POST, &route, &request)?)?;
            }
            Some(What::Drop { name }) => {
                client.change_bytes::<Option<serde_json::Value>>(&Method::DELETE, &route.at(name), None)?;
                output.show(&Dropped { dropped: name })?;
            }
        }
        Ok(Exit::Done)
    }
}

#[derive(Debug, Serialize)]
struct Dropped<'a> {
    dropped: &'a str,
}

impl Shown for Dropped<'_> {
    fn text(&self) -> String {
        format!("table {} is dropped", self.dropped)
    }
}

impl Shown for TableCreated {
    fn text(&self) -> String {
        let tablets = count(self.tablets.len() as u64, "tablet", "tablets");
        match (self.tablets.first(), self.tablets.last()) {
            (Some(first), Some(last)) if first != last => {
                format!("table {} is made, with {tablets}: {first} to {last}", self.name)
            }
            (Some(first), _) => format!("table {} is made, with {tablets}: {first}", self.name),
            _ => format!("table {} is made", self.name),
        }
    }
}

impl Shown for Tables {
    fn text(&self) -> String {
        let mut grid = Grid::new(&[
            "table",
            ">number",
            ">tablets",
            ">replicas",
            ">moving",
            ">rows",
            ">bytes",
        ]);
        for table in &self.tables {
            grid.row([
                table.name.clone(),
                table.id.to_string(),
                table.tablets.to_string(),
                table.replicas.to_string(),
                table.transitions.to_string(),
                known(table.rows, |rows| rows.to_string()),
                known(table.bytes, bytes),
            ]);
        }
        grid.text_or("no tables: `tidegate tables create NAME` makes one")
    }
}
