//! Whether the replicas of a table hold the same.

mod comparison;

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use futures_util::StreamExt as _;
use futures_util::stream;
use tidegate_tablets::{Metadata, MetadataStore as _, NodeId, TabletId};
use tokio::time::Instant;

use self::comparison::{Compared, Comparison};
use super::App;
use super::extract::{InPath, MaySay};
use super::problem::{Failure, Problems};
use super::tables::by_name;
use crate::api;

/// Differences that are named, unless it is said, and at most.
const DIFFERENCES: u32 = 100;
const DIFFERENCES_MAX: u32 = 1000;

/// Seconds that it takes, unless it is said, and at most.
const SECONDS: u32 = 300;
const SECONDS_MAX: u32 = 600;

/// Tablets that are compared at once.
const AT_ONCE: usize = 2;

/// Tries of a tablet that moves meanwhile.
const TRIES: usize = 3;

/// Compares all replicas of each tablet of a table, and names keys that differ. Writes may go on meanwhile: a key counts
/// only where it differs at a second look, and was not written in between.
#[utoipa::path(post, operation_id = "verify", path = "/v1/tables/{name}/verify", tag = "rows", params(("name" = String, Path, description = "The table's name")), request_body = Option<api::Verify>, responses((status = 200, description = "What the comparison has come to", body = api::VerifyReport), Problems))]
pub(super) async fn verify(
    State(app): State<App>,
    InPath(name): InPath<String>,
    MaySay(asked): MaySay<api::Verify>,
) -> Result<Json<api::VerifyReport>, Failure> {
    let named_max = asked.differences_max.unwrap_or(DIFFERENCES);
    let seconds = asked.seconds_max.unwrap_or(SECONDS);
    if !(1..=DIFFERENCES_MAX).contains(&named_max) {
        return Err(Failure::senseless(format!(
            "`differences_max` is 1 to {DIFFERENCES_MAX}"
        )));
    }
    if !(1..=SECONDS_MAX).contains(&seconds) {
        return Err(Failure::senseless(format!("`seconds_max` is 1 to {SECONDS_MAX}")));
    }
    let metadata = app.newest().await?;
    let Some((_, table)) = by_name(&metadata, &name) else {
        return Err(Failure::unknown_table(&name));
    };
    let until = Instant::now() + Duration::from_secs(u64::from(seconds));
    let named_max = named_max as usize;
    let tablets = table.tablets.clone();
    let tablets = tablets.into_iter().map(|id| compare(&app, id, until, named_max));
    let mut compared = stream::iter(tablets).buffered(AT_ONCE);
    let mut report = empty();
    while let Some(compared) = compared.next().await {
        take_in(&mut report, compared, named_max);
    }
    report.same = report.unfinished == 0 && report.differences == 0;
    report.notes = notes(&report);
    Ok(Json(report))
}

/// Compares one tablet, again where it moved meanwhile.
async fn compare(app: &App, id: TabletId, until: Instant, named_max: usize) -> Compared {
    let mut moved = Compared::unfinished(id, "the tablet moves all the time: try again later".to_owned());
    for _ in 0..TRIES {
        let metadata = app.running.raft.snapshot();
        let Some(replicas) = replicas(&metadata, id) else {
            return Compared::unfinished(id, "the table was dropped".to_owned());
        };
        let comparison = Comparison {
            reports: &app.running.reports,
            tablet: id,
            quorum: metadata
                .tablets
                .get(&id)
                .map_or(0, |it| tidegate_tablets::quorum_of(it.read_set())),
            replicas: replicas.clone(),
            until,
            named_max,
        };
        let compared = comparison.run().await;
        if self::replicas(&app.running.raft.snapshot(), id).as_ref() == Some(&replicas) {
            return compared;
        }
        moved.silent = compared.silent;
    }
    moved
}

/// The replicas that reads go to, but for those that are excluded: while a tablet moves, another is not whole.
fn replicas(metadata: &Metadata, id: TabletId) -> Option<BTreeSet<NodeId>> {
    let set = metadata.tablets.get(&id)?.read_set();
    Some(
        set.iter()
            .filter(|node| !metadata.is_excluded(**node))
            .copied()
            .collect(),
    )
}

const fn empty() -> api::VerifyReport {
    api::VerifyReport {
        same: false,
        rows: 0,
        tombstones: 0,
        differences: 0,
        below_quorum: 0,
        named: Vec::new(),
        unfinished: 0,
        tablets: Vec::new(),
        silent: Vec::new(),
        notes: Vec::new(),
    }
}

fn take_in(report: &mut api::VerifyReport, compared: Compared, named_max: usize) {
    // Of replicas that differ the one that holds the most stands for the tablet.
    let replicas = &compared.tablet.replicas;
    report.rows += replicas.iter().map(|it| it.rows).max().unwrap_or(0);
    report.tombstones += replicas.iter().map(|it| it.tombstones).max().unwrap_or(0);
    report.differences += compared.tablet.differences;
    report.below_quorum += compared.below_quorum;
    report.unfinished += u64::from(compared.tablet.unfinished.is_some());
    let room = named_max.saturating_sub(report.named.len());
    report.named.extend(compared.named.into_iter().take(room));
    for silent in compared.silent {
        if report.silent.iter().all(|known| known.node != silent.node) {
            report.silent.push(silent);
        }
    }
    report.tablets.push(compared.tablet);
}

fn notes(report: &api::VerifyReport) -> Vec<String> {
    let mut notes = Vec::new();
    let settled: u64 = report.tablets.iter().map(|tablet| tablet.settled).sum();
    if settled > 0 {
        notes.push(format!(
            "{settled} keys differed at the first look and no more at the second, or were written in between: they count \
             as the same"
        ));
    }
    if report.differences > report.below_quorum {
        notes.push(
            "a key whose newest row a quorum holds is no loss: every read finds it. A replica that was down for a while \
             lacks such rows"
                .to_owned(),
        );
    }
    if report.below_quorum > 0 {
        notes.push(
            "keys below a quorum: their newest row may be one whose writer never heard of success, or one that was lost \
             elsewhere; a read of the key settles what stays"
                .to_owned(),
        );
    }
    notes
}
