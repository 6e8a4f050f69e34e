//! `tidegate tablets`.

use clap::Args;

use super::output::{Grid, Shown};
use super::units::{bytes, known, list};
use super::{Asking, Exit, Failure};
use crate::api::{Tablets, Transition};
use crate::client::Route;

/// The tablets of a table: where their replicas are, and what moves.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tidegate tablets files")]
pub(crate) struct TabletsArgs {
    /// The table's name.
    table: String,
    #[command(flatten)]
    asking: Asking,
}

impl TabletsArgs {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let route = Route::v1().at("tables").at(&self.table).at("tablets");
        let tablets: Tablets = self.asking.client()?.read(&route)?;
        self.asking.output.show(&tablets).map(|()| Exit::Done)
    }
}

impl Shown for Tablets {
    fn text(&self) -> String {
        let mut grid = Grid::new(&[
            ">tablet",
            "replicas",
            ">epoch",
            ">rows",
            ">bytes",
            "first token",
            "last token",
            "moves",
        ]);
        for tablet in &self.tablets {
            grid.row([
                tablet.id.to_string(),
                list(&tablet.replicas),
                tablet.epoch.to_string(),
                known(tablet.rows, |rows| rows.to_string()),
                known(tablet.bytes, bytes),
                tablet.first_token.clone(),
                tablet.last_token.clone(),
                known(tablet.transition.as_ref(), |transition| {
                    format!("{} at {}", change(transition), transition.stage)
                }),
            ]);
        }
        grid.text_or("no tablets")
    }
}

/// Such as `1 -> 4`, and what for where it is no plain move.
pub(crate) fn change(transition: &Transition) -> String {
    match (transition.leaving, transition.pending) {
        (Some(leaving), Some(pending)) => format!("{leaving} -> {pending}"),
        (None, Some(pending)) => format!("-> {pending}"),
        (Some(leaving), None) => format!("{leaving} ->"),
        (None, None) => transition.kind.to_string(),
    }
}
