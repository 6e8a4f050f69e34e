//! `tidegate verify`.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;

use super::output::Shown;
use super::units::{count, list, text};
use super::{Asking, Exit, Failure, silent_line};
use crate::api::{Difference, Verify, VerifyReport, WhatDiffers};
use crate::client::Route;

/// How much longer than the comparison itself the answer may take.
const SLACK: Duration = Duration::from_secs(30);

const EXAMPLE: &str = "\
Exits with 1 when replicas differ, or when not everything could be compared.

A difference need not be a fault: a write that a quorum has acknowledged may be missing on the other replicas until the
key is read. `below quorum` is worse: a read may miss the newest row.

Example:
  tidegate verify files";

/// Compares all replicas of a table, row by row, and names what differs.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct VerifyArgs {
    /// The table's name.
    table: String,
    /// Differences that are named at most.
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    differences: u32,
    /// Seconds that the comparison may take.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    #[command(flatten)]
    asking: Asking,
}

impl VerifyArgs {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let deadline = Duration::from_secs(u64::from(self.seconds)) + SLACK;
        let client = self.asking.client()?.within(deadline);
        let request = Verify {
            differences_max: Some(self.differences),
            seconds_max: Some(self.seconds),
        };
        let route = Route::v1().at("tables").at(&self.table).at("verify");
        // It changes nothing: without an answer nothing is unknown.
        let report: VerifyReport = client.inquire(&route, &request)?;
        self.asking.output.show(&report)?;
        Ok(if report.same { Exit::Done } else { Exit::Wrong })
    }
}

impl Shown for VerifyReport {
    fn text(&self) -> String {
        let compared = format!(
            "{} in {}",
            count(self.rows, "row", "rows"),
            count(self.tablets.len() as u64, "tablet", "tablets")
        );
        let mut lines = vec![if self.same {
            format!("all replicas hold the same: {compared}")
        } else {
            format!(
                "replicas differ in {}, {} not compared to the end: {compared}",
                count(self.differences, "key", "keys"),
                count(self.unfinished, "tablet", "tablets"),
            )
        }];
        // Before what may be a long list: what it means.
        lines.extend(self.notes.iter().cloned());
        lines.extend(self.named.iter().map(difference));
        // A key is named once for each replica that lacks its newest row.
        let keys: BTreeSet<(u64, &str)> = self.named.iter().map(|it| (it.tablet, it.key.as_str())).collect();
        let unnamed = self.differences.saturating_sub(keys.len() as u64);
        if unnamed > 0 {
            lines.push(format!("and {} more", count(unnamed, "key", "keys")));
        }
        for tablet in &self.tablets {
            if let Some(why) = &tablet.unfinished {
                lines.push(format!(
                    "tablet {} was not compared to the end: {why}",
                    tablet.tablet
                ));
            }
        }
        lines.join("\n") + &silent_line(&self.silent)
    }
}

fn difference(it: &Difference) -> String {
    let key = STANDARD
        .decode(&it.key)
        .map_or_else(|_| it.key.clone(), |key| text(&key));
    let what = match it.what {
        WhatDiffers::Missing => "has no row",
        WhatDiffers::Older => "has an older row",
        WhatDiffers::Different => "has ANOTHER VALUE of the same time",
    };
    format!(
        "tablet {} key {key}: node {} {what}; the newest, {}of time {}, is on node {}{}",
        it.tablet,
        it.node,
        if it.newest_is_tombstone {
            "a tombstone, "
        } else {
            ""
        },
        it.newest_time,
        list(&[it.newest_on]),
        if it.below_quorum { ", BELOW QUORUM" } else { "" },
    )
}
