//! How far moves are, on a terminal and elsewhere.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::super::output::note;
use super::super::tablets::change;
use super::super::units::count;
use crate::api::{Moves, RunningMove};

const KNOWN: &str = "{prefix:<28} {bar:24} {binary_bytes:>10} of {binary_total_bytes:<10} {msg}";
const UNKNOWN: &str = "{prefix:<28} {spinner} {binary_bytes:>10} {msg}";
/// Where bars cannot be drawn, a line is written each time so many percent more are done.
const STEP_PERCENT: u64 = 10;

/// Shows the moves of each look: bars on a terminal, a line per change elsewhere.
#[derive(Debug)]
pub(super) struct Bars {
    how: How,
}

#[derive(Debug)]
enum How {
    Bars {
        all: MultiProgress,
        shown: BTreeMap<(u64, u64), ProgressBar>,
    },
    Lines {
        said: BTreeMap<(u64, u64), String>,
    },
    Nothing,
}

impl Bars {
    /// Bars where somebody looks on, lines elsewhere, nothing for programs.
    pub(super) fn new(json: bool) -> Self {
        let how = if json {
            How::Nothing
        } else if io::stderr().is_terminal() {
            How::Bars {
                all: MultiProgress::new(),
                shown: BTreeMap::new(),
            }
        } else {
            How::Lines {
                said: BTreeMap::new(),
            }
        };
        Self { how }
    }

    /// Shows how far these are; those that are not among them have ended.
    pub(super) fn show(&mut self, moves: &Moves) {
        match &mut self.how {
            How::Nothing => {}
            How::Lines { said } => {
                for line in news(moves, said) {
                    note(&line);
                }
            }
            How::Bars { all, shown } => draw(moves, all, shown),
        }
    }

    /// Says something beside the bars.
    pub(super) fn note(&self, what: &str) {
        match &self.how {
            How::Bars { all, .. } => all.suspend(|| note(what)),
            How::Lines { .. } => note(what),
            How::Nothing => {}
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        if let How::Bars { all, shown } = &self.how {
            for bar in shown.values() {
                bar.finish_and_clear();
            }
            // A terminal that cannot be written to has nothing to be cleared.
            let _ = all.clear();
        }
    }
}

const fn key(it: &RunningMove) -> (u64, u64) {
    (it.tablet, it.transition.begun)
}

fn title(it: &RunningMove) -> String {
    format!("tablet {}: {}", it.tablet, change(&it.transition))
}

fn draw(moves: &Moves, all: &MultiProgress, shown: &mut BTreeMap<(u64, u64), ProgressBar>) {
    shown.retain(|tablet, bar| {
        let runs = moves.moves.iter().any(|it| key(it) == *tablet);
        if !runs {
            bar.finish_and_clear();
            all.remove(bar);
        }
        runs
    });
    for it in &moves.moves {
        let bar = shown.entry(key(it)).or_insert_with(|| {
            let bar = all.add(ProgressBar::no_length().with_style(style(UNKNOWN)));
            bar.set_prefix(title(it));
            bar
        });
        if let Some(progress) = it.progress {
            if let Some(total) = progress.bytes_total {
                // An estimate may be too small.
                if bar.length().is_none() {
                    bar.set_style(style(KNOWN));
                }
                bar.set_length(total.max(progress.bytes));
            }
            bar.set_position(progress.bytes);
        }
        bar.set_message(message(it));
        bar.tick();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn message(it: &RunningMove) -> String {
    let mut text = it.transition.stage.to_string();
    if let Some(waits) = it.waiting_for.first() {
        text.push_str(&format!(", waits for {waits}"));
    }
    if it.attempts > 0 {
        text.push_str(&format!(", {} failed", count(it.attempts, "try", "tries")));
    }
    text
}

/// What is new in these, against what was said before.
pub(super) fn news(moves: &Moves, said: &mut BTreeMap<(u64, u64), String>) -> Vec<String> {
    let mut lines = Vec::new();
    said.retain(|(tablet, begun), _| {
        let runs = moves.moves.iter().any(|it| key(it) == (*tablet, *begun));
        if !runs {
            lines.push(format!("tablet {tablet}: has ended"));
        }
        runs
    });
    for it in &moves.moves {
        let mut line = format!("{}: {}", title(it), it.transition.stage);
        if let Some(percent) = percent(it) {
            line.push_str(&format!(", {percent} %"));
        }
        if it.attempts > 0 {
            line.push_str(&format!(", {} failed", count(it.attempts, "try", "tries")));
        }
        if said.get(&key(it)) != Some(&line) {
            lines.push(line.clone());
            said.insert(key(it), line);
        }
    }
    lines
}

/// How much is carried, in steps; none before anything is.
fn percent(it: &RunningMove) -> Option<u64> {
    let progress = it.progress?;
    let total = progress.bytes_total.filter(|total| *total > 0)?;
    let percent = (progress.bytes.saturating_mul(100) / total).min(100);
    Some(percent / STEP_PERCENT * STEP_PERCENT)
}
