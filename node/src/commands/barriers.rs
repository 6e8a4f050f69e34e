//! `tidegate barriers`.

use clap::Args;

use super::output::{Grid, Shown};
use super::sessions::held_by;
use super::units::{known, millis};
use super::{Asking, Exit, Failure, silent_line};
use crate::api::{BarrierWait, Barriers};
use crate::client::Route;

const EXAMPLE: &str = "\
A barrier that is old either waits for a node that does not answer (bring it back, or `tidegate exclude` it), or for who
holds a session there: named, with how long it made no progress.

Example:
  tidegate barriers";

/// The barriers under way: who has not answered yet, and what holds them there.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct BarriersArgs {
    #[command(flatten)]
    asking: Asking,
}

impl BarriersArgs {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let barriers: Barriers = self.asking.client()?.read(&Route::v1().at("barriers"))?;
        self.asking.output.show(&barriers).map(|()| Exit::Done)
    }
}

impl Shown for Barriers {
    fn text(&self) -> String {
        let mut grid = Grid::new(&[
            ">tablet",
            "stage",
            ">epoch",
            ">age",
            "waits for",
            ">failed tries",
            "last error",
        ]);
        for barrier in &self.barriers {
            let waits: Vec<String> = barrier.waits.iter().map(waits_for).collect();
            grid.row([
                barrier.tablet.to_string(),
                barrier.stage.to_string(),
                barrier.epoch.to_string(),
                known(barrier.age_ms, millis),
                waits.join("\n"),
                barrier.attempts.to_string(),
                known(barrier.last_error.clone(), |error| error),
            ]);
        }
        let mut text = grid.text_or("no barriers");
        if !self.leader_answered {
            text.push_str("\nthe leader did not answer: barriers may run that are not here");
        }
        text + &silent_line(&self.silent)
    }
}

fn waits_for(wait: &BarrierWait) -> String {
    if !wait.reachable {
        return format!("node {}: NO ANSWER", wait.node);
    }
    if wait.held_by.is_empty() {
        return format!("node {}", wait.node);
    }
    let holders: Vec<String> = wait.held_by.iter().map(held_by).collect();
    format!("node {}: {}", wait.node, holders.join("; "))
}
