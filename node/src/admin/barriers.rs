//! Barriers that are under way, and who holds them up.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use tidegate_tablets::{Metadata, MetadataStore as _, NodeId, TabletId};

use super::App;
use super::problem::Problems;
use crate::api::{self, SessionPhase, WaitingFor};
use crate::reports::{NodeReport, TransitionReport};

/// Barriers under way: who has not answered yet, and what holds it there.
#[utoipa::path(get, operation_id = "barriers_list", path = "/v1/barriers", tag = "sessions", responses((status = 200, description = "The barriers", body = api::Barriers), Problems))]
pub(super) async fn list(State(app): State<App>) -> Json<api::Barriers> {
    let (reports, silent) = app.running.reports.reports().await;
    let metadata = app.running.raft.snapshot();
    let leader = reports.values().find_map(|report| report.leads.as_ref());
    let asked = leader.iter().flat_map(|leader| &leader.transitions);
    let barriers = asked.filter_map(|told| {
        let barrier = barrier(&metadata, &reports, told)?;
        let ages = app
            .running
            .reports
            .journal()
            .ages(TabletId::new(told.tablet), told.begun);
        Some(api::Barrier {
            age_ms: ages.map(|(_, stage)| stage),
            ..barrier
        })
    });
    Json(api::Barriers {
        barriers: barriers.collect(),
        leader_answered: leader.is_some(),
        silent,
    })
}

fn barrier(
    metadata: &Metadata,
    reports: &BTreeMap<NodeId, NodeReport>,
    told: &TransitionReport,
) -> Option<api::Barrier> {
    let waits: Vec<api::BarrierWait> = told
        .waiting_for
        .iter()
        .filter_map(|waits| match waits {
            WaitingFor::Barrier { node } => Some(wait(reports, *node, told.tablet)),
            _ => None,
        })
        .collect();
    let epoch = metadata.tablets.get(&TabletId::new(told.tablet))?.epoch.as_u64();
    (!waits.is_empty()).then(|| api::Barrier {
        tablet: told.tablet,
        stage: told.stage,
        epoch,
        age_ms: None,
        waits,
        attempts: u64::from(told.attempts),
        last_error: told.last_error.clone(),
    })
}

fn wait(reports: &BTreeMap<NodeId, NodeReport>, node: u64, tablet: u64) -> api::BarrierWait {
    let report = reports.get(&NodeId::new(node));
    let sessions = report.iter().flat_map(|report| &report.sessions);
    let closing = sessions.filter(|it| it.tablet == tablet && it.phase == SessionPhase::Closing);
    api::BarrierWait {
        node,
        reachable: report.is_some(),
        held_by: closing
            .flat_map(|it| it.holders.iter().cloned())
            .take(64)
            .collect(),
    }
}
