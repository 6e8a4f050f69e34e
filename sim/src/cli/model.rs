//! `tidegate-sim model`.

use std::io;

use clap::Args;
use clap::builder::PossibleValuesParser;
use indicatif::ProgressBar;
use serde::Serialize;
use tidegate_sim::model::{ModelReport, Size, check};

use super::Found;

/// What to check.
#[derive(Debug, Args)]
pub(super) struct ModelArgs {
    /// How much is checked at once.
    #[arg(long, default_value = "medium", value_parser = PossibleValuesParser::new(Size::ALL.map(|(_, name)| name)))]
    size: String,
    /// Print one object in JSON.
    #[arg(long)]
    json: bool,
}

/// What the program prints for other programs: of seeds the model has none.
#[derive(Debug, Serialize)]
struct Object<'a> {
    seeds: u64,
    #[serde(flatten)]
    report: &'a ModelReport,
}

/// Goes through every state; how far it is goes to stderr where that is a terminal.
pub(super) fn execute(args: &ModelArgs) -> io::Result<Found> {
    let named = Size::ALL.into_iter().find(|(_, name)| *name == args.size);
    let size = named.map_or_else(Size::default, |(size, _)| size);
    let bar = ProgressBar::new_spinner();
    let report = check(size, |progress| {
        bar.set_message(format!(
            "{}: {} states, {} unique, depth {}",
            progress.part, progress.states, progress.unique_states, progress.depth
        ));
        bar.tick();
    });
    bar.finish_and_clear();
    if args.json {
        println!(
            "{}",
            serde_json::to_string(&Object {
                seeds: 0,
                report: &report
            })
            .map_err(io::Error::other)?
        );
    } else {
        print!("{report}");
    }
    if report.is_clean() {
        Ok(Found::Nothing)
    } else {
        Ok(Found::Violations)
    }
}
