//! How the cluster is, what is wrong, and what to do about it.

mod findings;
mod stuck;
#[cfg(test)]
mod tests;

use axum::Json;
use axum::extract::State;
use tidegate_tablets::{MetadataStore as _, NodeId};

use self::findings::{Seen, findings};
use super::problem::Problems;
use super::{App, nodes};
use crate::api;

/// Findings that are told.
const FINDINGS_MAX: usize = 256;

/// How the cluster is, as this node and those that answer see it, with what is wrong and what to do.
#[utoipa::path(get, operation_id = "status", path = "/v1/status", tag = "cluster", responses((status = 200, description = "How it is", body = api::Status), Problems))]
pub(super) async fn status(State(app): State<App>) -> Json<api::Status> {
    let running = &app.running;
    let (reports, silent) = running.reports.reports().await;
    let (metadata, raft) = (running.raft.snapshot(), running.raft.status());
    let nodes = nodes::views(&app, &metadata, &reports, &silent);
    let founded = running.has_cluster();
    let ages = |tablet, begun| {
        running
            .reports
            .journal()
            .ages(tablet, begun)
            .map(|(_, stage)| stage)
    };
    let mut findings = findings(&Seen {
        here: running.id,
        founded,
        metadata: &metadata,
        raft: &raft,
        nodes: &nodes,
        reports: &reports,
        stage_ms: &ages,
    });
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings.truncate(FINDINGS_MAX);
    let transitions = metadata
        .tablets
        .values()
        .filter(|tablet| tablet.transition.is_some());
    Json(api::Status {
        cluster: running.cluster.clone(),
        node: running.id.as_u64(),
        incarnation: running.incarnation,
        founded,
        healthy: findings
            .iter()
            .all(|finding| finding.severity < api::Severity::Warning),
        findings,
        leader: raft.leader.map(NodeId::as_u64),
        term: raft.term,
        version: metadata.version.as_u64(),
        balancing: metadata.balancing,
        tables: metadata.tables.size() as u64,
        tablets: metadata.tablets.size() as u64,
        transitions: transitions.count() as u64,
        nodes,
        silent,
    })
}
