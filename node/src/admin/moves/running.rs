//! The transitions that run, with all that is known of them.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use tidegate_tablets::{Epoch, MetadataStore as _, NodeId, TabletId, Transition};

use super::super::App;
use super::super::problem::Problems;
use super::super::tablets::name_of;
use crate::api::{self, TransferProgress};
use crate::reports::{NodeReport, TransitionReport};

/// The transitions that run: stage, progress, rate, what they wait for and what failed.
#[utoipa::path(get, operation_id = "moves_list", path = "/v1/moves", tag = "moves", responses((status = 200, description = "The transitions that run", body = api::Moves), Problems))]
pub(in crate::admin) async fn list(State(app): State<App>) -> Json<api::Moves> {
    let (reports, silent) = app.running.reports.reports().await;
    let metadata = app.running.raft.snapshot();
    let leader = reports.values().find_map(|report| report.leads.as_ref());
    let told: BTreeMap<u64, &TransitionReport> = leader
        .iter()
        .flat_map(|leader| &leader.transitions)
        .map(|told| (told.tablet, told))
        .collect();
    let moves = metadata.tablets.iter().filter_map(|(id, tablet)| {
        let transition = tablet.transition.as_ref()?;
        let begun = transition.begun.as_u64();
        let told = told.get(&id.as_u64()).filter(|told| told.begun == begun);
        let ages = app.running.reports.journal().ages(*id, begun);
        Some(api::RunningMove {
            tablet: id.as_u64(),
            table: name_of(&metadata, tablet),
            transition: transition.into(),
            stage_ms: ages.map(|(_, stage)| stage),
            age_ms: ages.map(|(age, _)| age),
            progress: progress(&reports, *id, transition),
            waiting_for: told.map(|told| told.waiting_for.clone()).unwrap_or_default(),
            attempts: told.map_or(0, |told| u64::from(told.attempts)),
            last_error: told.and_then(|told| told.last_error.clone()),
            gave_up: told.is_some_and(|told| told.gave_up),
        })
    });
    Json(api::Moves {
        moves: moves.collect(),
        silent,
    })
}

/// How far its streams are, as the pending replica's node tells, of what the old replicas hold.
fn progress(
    reports: &BTreeMap<NodeId, NodeReport>,
    id: TabletId,
    transition: &Transition,
) -> Option<TransferProgress> {
    let pending = reports.get(&transition.pending()?)?;
    let begun = transition.begun.as_u64();
    let mut transfers = pending.transfers.iter().filter(|it| it.tablet == id.as_u64());
    let of_this = |session: &str| session_is_of(session, id, begun);
    let told = transfers.find(|it| of_this(&it.session))?.progress;
    let held = transition.old.iter().filter_map(|node| reports.get(node));
    let held = held
        .flat_map(|report| &report.held)
        .filter(|held| held.tablet == id.as_u64());
    let total = held
        .map(|held| (held.rows, held.bytes))
        .reduce(|a, b| (a.0.max(b.0), a.1.max(b.1)));
    // Each of the sources carries all of it.
    let sources = transition.sources_needed().max(1) as u64;
    let total = total.map(|(rows, bytes)| (rows.saturating_mul(sources), bytes.saturating_mul(sources)));
    let rate = told.bytes_per_second;
    let left = total.map(|(_, bytes)| bytes.saturating_sub(told.bytes));
    Some(TransferProgress {
        rows_total: total.map(|(rows, _)| rows.max(told.rows)),
        bytes_total: total.map(|(_, bytes)| bytes.max(told.bytes)),
        eta_seconds: match left {
            _ if told.attached => Some(0),
            Some(left) if rate > 0 => Some(left.div_ceil(rate)),
            _ => None,
        },
        ..told
    })
}

/// Whether a session is that of a stream of the transition that began at that epoch.
fn session_is_of(session: &str, id: TabletId, begun: u64) -> bool {
    // It is written one change after the first; an operator's word on a rebuild's sources may come between.
    (1..=3).any(|later| id.session_at(Epoch::new(begun + later)).to_string() == session)
}
