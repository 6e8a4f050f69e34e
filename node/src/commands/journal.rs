//! `tidegate journal`.

use clap::Args;

use super::output::Shown;
use super::units::{known, millis, utc};
use super::{Asking, Exit, Failure, silent_line};
use crate::api::{Journal, JournalEntry, JournalEvent, MoveOutcome, MoveRecord};
use crate::client::Route;

const EXAMPLE: &str = "\
A node keeps its journal in memory since its start: another node, or the leader, may know more.

Examples:
  tidegate journal         what happened last
  tidegate journal 7       each move of tablet 7, stage by stage";

/// What became of moves: stages, how long they took, why they were retried or went back, and on whose behalf.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct JournalArgs {
    /// Only this tablet, with every stage.
    tablet: Option<u64>,
    /// Lines at most.
    #[arg(long, value_name = "LINES")]
    limit: Option<u32>,
    #[command(flatten)]
    asking: Asking,
}

impl JournalArgs {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let mut route = match self.tablet {
            Some(tablet) => Route::v1().at("moves").at(tablet).at("journal"),
            None => Route::v1().at("journal"),
        };
        if let Some(limit) = self.limit {
            route = route.with("limit", limit.to_string());
        }
        let journal: Journal = self.asking.client()?.read(&route)?;
        if self.asking.output.json || self.tablet.is_none() {
            self.asking.output.show(&journal)?;
        } else {
            super::output::print_line(by_move(&journal).as_bytes()).map(drop)?;
        }
        Ok(Exit::Done)
    }
}

impl Shown for Journal {
    fn text(&self) -> String {
        let mut lines: Vec<String> = self.entries.iter().map(line).collect();
        if lines.is_empty() {
            lines.push(format!(
                "nothing has happened since {} UTC, as node {} saw it",
                utc(self.since_ms),
                self.node
            ));
        }
        lines.join("\n") + &silent_line(&self.silent)
    }
}

fn line(entry: &JournalEntry) -> String {
    let node = |node: &Option<u64>| known(*node, |node| node.to_string());
    let what = match &entry.what {
        JournalEvent::Began {
            kind,
            reason,
            leaving,
            pending,
        } => format!("{kind} {} -> {} begins ({reason})", node(leaving), node(pending)),
        JournalEvent::Stage { stage } => format!("enters {stage}"),
        JournalEvent::Retry { error } => format!("is tried again: {error}"),
        JournalEvent::GoesBack { why } => format!("goes back: {why}"),
        JournalEvent::Ended { outcome, took_ms } => {
            format!("{} after {}", ended(*outcome), millis(*took_ms))
        }
    };
    format!(
        "{} tablet {} ({}): {what}",
        utc(entry.at_ms),
        entry.tablet,
        entry.begun
    )
}

const fn ended(outcome: MoveOutcome) -> &'static str {
    match outcome {
        MoveOutcome::Running => "runs",
        MoveOutcome::Completed => "completed",
        MoveOutcome::WentBack => "went back",
        MoveOutcome::TableDropped => "ended, for its table was dropped,",
        MoveOutcome::Unknown => "ended, nobody here knows how,",
    }
}

/// Each move with its stages, the newest first.
fn by_move(journal: &Journal) -> String {
    let mut lines: Vec<String> = journal.moves.iter().map(record).collect();
    if lines.is_empty() {
        lines.push(format!(
            "node {} has seen no move of it since {} UTC",
            journal.node,
            utc(journal.since_ms)
        ));
    }
    lines.join("\n") + &silent_line(&journal.silent)
}

fn record(it: &MoveRecord) -> String {
    let node = |node: Option<u64>| known(node, |node| node.to_string());
    let mut lines = vec![format!(
        "{} tablet {}: {} {} -> {} ({}, begun at epoch {}): {}{}",
        utc(it.at_ms),
        it.tablet,
        it.kind,
        node(it.leaving),
        node(it.pending),
        it.reason,
        it.begun,
        ended(it.outcome),
        known(it.took_ms, |took| format!(" after {}", millis(took))).trim_end_matches('-'),
    )];
    if it.stages_dropped > 0 {
        lines.push(format!("  ({} earlier stages are not kept)", it.stages_dropped));
    }
    for stage in &it.stages {
        lines.push(format!(
            "  {} {:<28} {:>10}  epoch {}{}",
            utc(stage.at_ms),
            stage.stage.name(),
            stage.took_ms.map_or_else(|| "runs".to_owned(), millis),
            stage.epoch,
            stage
                .session
                .as_ref()
                .map_or_else(String::new, |session| format!("  session {session}")),
        ));
    }
    if it.retries > 0 {
        lines.push(format!("  tried again {} times", it.retries));
    }
    lines.extend(it.last_error.iter().map(|error| format!("  last error: {error}")));
    lines.extend(it.went_back.iter().map(|why| format!("  went back: {why}")));
    lines.join("\n")
}
