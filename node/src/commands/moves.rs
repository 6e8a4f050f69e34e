//! `tidegate move`, `cancel` and `moves`.

mod bars;
mod follow;
#[cfg(test)]
mod tests;

use clap::Args;

use self::bars::Bars;
use self::follow::Follow;
use super::output::{Grid, Shown};
use super::tablets::change;
use super::units::{UNKNOWN, bytes, count, known, list, millis, seconds};
use super::{Asking, Exit, Failure, Interrupt, silent_line};
use crate::api::{
    CancelAnswer, CancelRequest, MoveAnswer, MoveRequest, Moves, RunningMove, Stage, TransferProgress,
};
use crate::client::Route;

const MOVE_EXAMPLE: &str = "\
The move runs on the cluster, whatever becomes of this command: Ctrl-C ends the waiting, `tidegate cancel` the move.
With --wait it exits with 0 when the replica has moved, and 1 when the move went back.

Examples:
  tidegate move 7 --from 1 --to 4 --dry-run
  tidegate move 7 --from 1 --to 4 --wait";

/// Moves a tablet's replica from one node to another.
#[derive(Debug, Args)]
#[command(after_help = MOVE_EXAMPLE)]
pub(crate) struct MoveArgs {
    /// The tablet's number.
    tablet: u64,
    /// The node that holds the replica; may be left out where the tablet has one. An excluded node's is rebuilt.
    #[arg(long, value_name = "NODE")]
    from: Option<u64>,
    /// The node that gets it.
    #[arg(long, value_name = "NODE")]
    to: u64,
    /// Only say what would happen, how much it carries, or why not.
    #[arg(long)]
    dry_run: bool,
    /// Wait until it has ended, and show how far it is.
    #[arg(long, conflicts_with = "dry_run")]
    wait: bool,
    #[command(flatten)]
    asking: Asking,
}

impl MoveArgs {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let client = self.asking.client()?;
        let request = MoveRequest {
            from: self.from,
            to: self.to,
            dry_run: self.dry_run,
        };
        let route = Route::v1().at("tablets").at(self.tablet).at("move");
        let answer: MoveAnswer = client.act(&route, &request, self.dry_run)?;
        let Some(begun) = answer.begun.filter(|_| self.wait) else {
            return self.asking.output.show(&answer).map(|()| Exit::Done);
        };
        self.asking.output.tell(&answer.text());
        let interrupt = Interrupt::listen()?;
        Follow::new(&client, &self.asking, &interrupt).one(&answer, begun)
    }
}

const CANCEL_EXAMPLE: &str = "\
A move can be cancelled up to its stage streaming; later there is only forward, and the answer says so.

Examples:
  tidegate cancel 7
  tidegate cancel 7 --begun 12 --dry-run";

/// Cancels the move of a tablet: its replicas stay what they were.
#[derive(Debug, Args)]
#[command(after_help = CANCEL_EXAMPLE)]
pub(crate) struct CancelArgs {
    /// The tablet's number.
    tablet: u64,
    /// Only the move that began at this epoch [default: the one that runs].
    #[arg(long, value_name = "EPOCH")]
    begun: Option<u64>,
    /// Only say what would happen.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    asking: Asking,
}

impl CancelArgs {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let request = CancelRequest {
            begun: self.begun,
            dry_run: self.dry_run,
        };
        let route = Route::v1().at("tablets").at(self.tablet).at("cancel");
        let answer: CancelAnswer = self.asking.client()?.act(&route, &request, self.dry_run)?;
        self.asking.output.show(&answer).map(|()| Exit::Done)
    }
}

const MOVES_EXAMPLE: &str = "\
With --watch it shows progress bars on a terminal, and a line per change elsewhere, until nothing has moved for 5 s or
Ctrl-C; with --json it prints one object per look, each on a line of its own.

Examples:
  tidegate moves
  tidegate moves --watch";

/// What moves now: stage, progress, rate, and what it waits for.
#[derive(Debug, Args)]
#[command(after_help = MOVES_EXAMPLE)]
pub(crate) struct MovesArgs {
    /// Go on until nothing moves.
    #[arg(long, short)]
    watch: bool,
    #[command(flatten)]
    asking: Asking,
}

impl MovesArgs {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let client = self.asking.client()?;
        if self.watch {
            let interrupt = Interrupt::listen()?;
            return Follow::new(&client, &self.asking, &interrupt).all();
        }
        let moves: Moves = client.read(&Route::v1().at("moves"))?;
        self.asking.output.show(&moves).map(|()| Exit::Done)
    }
}

impl Shown for Moves {
    fn text(&self) -> String {
        let mut grid = Grid::new(&[
            ">tablet",
            "table",
            "move",
            "why",
            "stage",
            ">for",
            ">carried",
            ">of",
            ">rate",
            ">left",
            "waits for",
        ]);
        for it in &self.moves {
            let progress = it.progress;
            let rate = |rate: u64| format!("{}/s", bytes(rate));
            grid.row([
                it.tablet.to_string(),
                it.table.clone(),
                change(&it.transition),
                it.transition.reason.to_string(),
                it.transition.stage.to_string(),
                known(it.stage_ms, millis),
                known(progress.map(|progress| progress.bytes), bytes),
                known(progress.and_then(|progress| progress.bytes_total), bytes),
                known(progress.map(|progress| progress.bytes_per_second), rate),
                known(progress.and_then(|progress| progress.eta_seconds), seconds),
                waits(it),
            ]);
        }
        grid.text_or("nothing moves") + &silent_line(&self.silent)
    }
}

/// A stream that has carried something within this time runs.
const FRESH_MS: u64 = 1000;

/// What a move waits for, and what went wrong with it.
fn waits(it: &RunningMove) -> String {
    let mut lines: Vec<String> = it.waiting_for.iter().map(ToString::to_string).collect();
    if it.attempts > 0 {
        lines.push(format!("{} failed", count(it.attempts, "try", "tries")));
    }
    // Bytes come again: what went wrong with the stream is over, until it goes wrong again.
    let is_fresh = |progress: TransferProgress| !progress.attached && progress.idle_ms < FRESH_MS;
    let flows = it.transition.stage == Stage::Streaming && it.progress.is_some_and(is_fresh);
    let when = if flows { "before" } else { "last" };
    lines.extend(it.last_error.iter().map(|error| format!("{when}: {error}")));
    if it.gave_up {
        lines.push("GAVE UP: somebody should look".to_owned());
    }
    if lines.is_empty() {
        UNKNOWN.to_owned()
    } else {
        lines.join("\n")
    }
}

impl Shown for MoveAnswer {
    fn text(&self) -> String {
        let Self {
            kind,
            tablet,
            from,
            to,
            ..
        } = self;
        let mut lines = vec![match self.begun {
            Some(begun) => format!("{kind} of tablet {tablet}: {from} -> {to} has begun, at epoch {begun}"),
            None => format!("{kind} of tablet {tablet}: {from} -> {to} would begin (dry run)"),
        }];
        if let Some(carries) = self.carries {
            lines.push(format!(
                "  carries about {} rows, {}{}",
                carries.rows,
                bytes(carries.bytes),
                self.seconds_at_least.map_or_else(String::new, |at_least| format!(
                    ", {} at least",
                    seconds(at_least)
                )),
            ));
        }
        if self.dry_run {
            lines.push(format!("  stages: {}", stages(&self.stages)));
        }
        lines.extend(self.notes.iter().map(|note| format!("  {note}")));
        lines.join("\n")
    }
}

impl Shown for CancelAnswer {
    fn text(&self) -> String {
        format!(
            "the move of tablet {} that began at epoch {} {} from {}, by {}{}",
            self.tablet,
            self.begun,
            if self.dry_run {
                "would go back"
            } else {
                "goes back"
            },
            self.stage,
            stages(&self.stages),
            if self.dry_run { " (dry run)" } else { "" },
        )
    }
}

fn stages(stages: &[Stage]) -> String {
    list(stages)
}
