//! The cluster's nodes: who they are, and what an operator asks of one.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use tidegate_tablets::{Change, Metadata, MetadataStore as _, NodeId, NodeInfo, Stage, Tablet, quorum_of};
use tidegate_transport::PeerId;

use super::extract::{InPath, MaySay, Said};
use super::problem::{Failure, Problems};
use super::{App, cluster};
use crate::api::{self, problem_type};
use crate::reports::NodeReport;

/// Tablets that an answer names.
const NAMED_MAX: usize = 1024;

/// Every node that ever was a member, with what it tells about itself.
#[utoipa::path(get, operation_id = "nodes_list", path = "/v1/nodes", tag = "nodes", responses((status = 200, description = "The nodes", body = api::Nodes), Problems))]
pub(super) async fn list(State(app): State<App>) -> Json<api::Nodes> {
    let (reports, silent) = app.running.reports.reports().await;
    let nodes = views(&app, &app.running.raft.snapshot(), &reports, &silent);
    Json(api::Nodes { nodes })
}

/// Takes in an empty node that runs and can be reached. Can be asked again where it was broken off.
#[utoipa::path(post, operation_id = "nodes_join", path = "/v1/nodes", tag = "nodes", request_body = api::JoinRequest, responses((status = 201, description = "It is a member", body = api::NodeAnswer), Problems))]
pub(super) async fn join(
    State(app): State<App>,
    Said(asked): Said<api::JoinRequest>,
) -> Result<(StatusCode, Json<api::NodeAnswer>), Failure> {
    let founder = cluster::founder(asked.id, &asked.transport, &asked.admin, asked.rack)?;
    app.newest().await?;
    let joined = Box::pin(app.running.add_member(&founder)).await;
    joined.map_err(|error| cluster::told(&error))?;
    let notes = vec!["the balancer, where it is on, moves tablets to it".to_owned()];
    let what = "is a member".to_owned();
    Ok((
        StatusCode::CREATED,
        Json(answer(&app, founder.node, false, what, notes)),
    ))
}

/// Has the balancer empty a node: all its replicas move away, and none comes.
#[utoipa::path(post, operation_id = "nodes_drain", path = "/v1/nodes/{id}/drain", tag = "nodes", params(("id" = u64, Path, description = "The node's number")), request_body = Option<api::NodeRequest>, responses((status = 200, description = "It drains, or would", body = api::NodeAnswer), Problems))]
pub(super) async fn drain(
    State(app): State<App>,
    InPath(id): InPath<u64>,
    MaySay(asked): MaySay<api::NodeRequest>,
) -> Result<Json<api::NodeAnswer>, Failure> {
    let node = NodeId::new(id);
    let metadata = check(&app, node, &asked, &Change::Drain { node }).await?;
    if !asked.dry_run {
        app.running.operator.drain(node).await?;
    }
    let mut notes = Vec::new();
    if !metadata.balancing {
        notes.push("balancing is off, so nothing moves: switch it on (`tidegate balancing on`)".to_owned());
    }
    let takers = metadata.nodes.iter();
    let takers = takers
        .filter(|(other, info)| **other != node && !info.excluded && !info.draining)
        .count();
    let stuck = metadata
        .tablets_of(node)
        .filter_map(|tablet| metadata.tablets.get(&tablet));
    let stuck = stuck.filter(|tablet| tablet.replicas.len() > takers).count();
    if stuck > 0 {
        notes.push(format!(
            "{stuck} tablets stay: they have as many replicas as there are nodes left; have a node join first"
        ));
    }
    let what = said(
        asked.dry_run,
        "drains: the balancer moves its replicas away",
        "would drain",
    );
    Ok(Json(answer(&app, node, asked.dry_run, what, notes)))
}

/// Takes a drain back. Moves that have begun go on.
#[utoipa::path(post, operation_id = "nodes_resume", path = "/v1/nodes/{id}/resume", tag = "nodes", params(("id" = u64, Path, description = "The node's number")), request_body = Option<api::NodeRequest>, responses((status = 200, description = "It may hold replicas again, or might", body = api::NodeAnswer), Problems))]
pub(super) async fn resume(
    State(app): State<App>,
    InPath(id): InPath<u64>,
    MaySay(asked): MaySay<api::NodeRequest>,
) -> Result<Json<api::NodeAnswer>, Failure> {
    let node = NodeId::new(id);
    check(&app, node, &asked, &Change::Resume { node }).await?;
    if !asked.dry_run {
        app.running.operator.resume(node).await?;
    }
    let what = said(asked.dry_run, "drains no more", "would drain no more");
    Ok(Json(answer(&app, node, asked.dry_run, what, Vec::new())))
}

/// Says, for ever, that a node is stopped: nothing waits for it any more, it is cut off, and what it held is rebuilt
/// elsewhere. Stop it first: it never comes back under its number.
#[utoipa::path(post, operation_id = "nodes_exclude", path = "/v1/nodes/{id}/exclude", tag = "nodes", params(("id" = u64, Path, description = "The node's number")), request_body = Option<api::NodeRequest>, responses((status = 200, description = "It is excluded, or would be", body = api::NodeAnswer), Problems))]
pub(super) async fn exclude(
    State(app): State<App>,
    InPath(id): InPath<u64>,
    MaySay(asked): MaySay<api::NodeRequest>,
) -> Result<Json<api::NodeAnswer>, Failure> {
    let node = NodeId::new(id);
    // Looked at with what is given up; without, a dry run tells all tablets that it would take, and is no refusal.
    let change = Change::Exclude {
        node,
        give_up_quorum: asked.give_up || asked.dry_run,
    };
    let open = api::NodeRequest {
        give_up: false,
        ..asked
    };
    let metadata = check(&app, node, &open, &change).await?;
    let takes: Vec<u64> = takes_quorum_of(&metadata, node);
    let voters = app.running.raft.status().voters;
    let (reports, _) = app.running.reports.reports().await;
    let answer_now: BTreeSet<NodeId> = reports.into_keys().collect();
    if !asked.dry_run {
        app.running.operator.exclude(node, asked.give_up).await?;
    }
    let mut notes = Vec::new();
    if !takes.is_empty() && !asked.give_up {
        notes.push(
            "without `give_up` (`--give-up`) it is refused: acknowledged writes of those tablets may be lost"
                .to_owned(),
        );
    }
    if voters.contains(&node) {
        notes.push(vote_note(&voters, &answer_now, node));
    }
    if !metadata.balancing {
        let note = "balancing is off, so what it held is not rebuilt: switch it on (`tidegate balancing on`)";
        notes.push(note.to_owned());
    }
    let what = said(
        asked.dry_run,
        "is excluded, for ever",
        "would be excluded, for ever",
    );
    Ok(Json(api::NodeAnswer {
        takes_quorum_of: takes,
        ..answer(&app, node, asked.dry_run, what, notes)
    }))
}

/// Cuts the connections between the answering node and another one, now. They come back by themselves: it is for
/// connections that hang.
#[utoipa::path(post, operation_id = "nodes_disconnect", path = "/v1/nodes/{id}/disconnect", tag = "nodes", params(("id" = u64, Path, description = "The node's number")), request_body = Option<api::NodeRequest>, responses((status = 200, description = "They are cut, or would be", body = api::NodeAnswer), Problems))]
pub(super) async fn disconnect(
    State(app): State<App>,
    InPath(id): InPath<u64>,
    MaySay(asked): MaySay<api::NodeRequest>,
) -> Result<Json<api::NodeAnswer>, Failure> {
    if asked.give_up {
        return Err(only_exclude());
    }
    let node = NodeId::new(id);
    if node == app.running.id {
        let detail =
            format!("node {id} is the one that answers: ask another node to cut its connections with it");
        let title = "Not the node that answers";
        return Err(Failure::conflict(problem_type::REFUSED, title, detail));
    }
    if !app.running.raft.snapshot().nodes.contains_key(&node) {
        return Err(Failure::unknown_node(id));
    }
    if !asked.dry_run {
        app.running.transport.disconnect(PeerId::new(id));
    }
    let here = app.running.id;
    let what = format!(
        "the connections between node {here} and node {id} {}",
        if asked.dry_run { "would be cut" } else { "are cut" }
    );
    Ok(Json(answer(&app, node, asked.dry_run, what, Vec::new())))
}

/// Looks at all that a change of a node is refused for.
async fn check(
    app: &App,
    node: NodeId,
    asked: &api::NodeRequest,
    change: &Change,
) -> Result<std::sync::Arc<Metadata>, Failure> {
    if asked.give_up {
        return Err(only_exclude());
    }
    let metadata = app.newest().await?;
    match metadata.nodes.get(&node) {
        None => return Err(Failure::unknown_node(node.as_u64())),
        Some(NodeInfo { excluded: true, .. }) => return Err(Failure::excluded(node.as_u64())),
        Some(_) => {}
    }
    would(&metadata, change)?;
    Ok(metadata)
}

fn only_exclude() -> Failure {
    Failure::senseless("`give_up` is for exclude only".to_owned())
}

/// Whether the metadata, as it is, takes a change.
pub(super) fn would(metadata: &Metadata, change: &Change) -> Result<(), Failure> {
    // A copy shares all that the change leaves as it is.
    let mut copy = metadata.clone();
    let applied = copy.apply(metadata.version, change);
    applied
        .outcome
        .map(drop)
        .map_err(|refused| Failure::refused(&refused))
}

fn said(dry_run: bool, done: &str, would: &str) -> String {
    if dry_run { would } else { done }.to_owned()
}

fn answer(app: &App, node: NodeId, dry_run: bool, what: String, notes: Vec<String>) -> api::NodeAnswer {
    api::NodeAnswer {
        node: node.as_u64(),
        dry_run,
        what,
        replicas: app.running.raft.snapshot().tablets_of(node).count() as u64,
        takes_quorum_of: Vec::new(),
        notes,
    }
}

/// What is left of the votes in the metadata's log without a node's: `voters` of which some answer.
fn vote_note(voters: &BTreeSet<NodeId>, answer: &BTreeSet<NodeId>, node: NodeId) -> String {
    let left: BTreeSet<NodeId> = voters.iter().copied().filter(|it| *it != node).collect();
    let (live, needed) = (left.intersection(answer).count(), quorum_of(&left));
    let few = if live > needed {
        ""
    } else {
        ": not one more may fail, have a node join"
    };
    format!(
        "it loses its vote in the metadata's log. Of the other {} with a vote {live} answer, and it takes {needed}{few}",
        left.len()
    )
}

/// The tablets that would have no quorum without the node; the first of them.
fn takes_quorum_of(metadata: &Metadata, node: NodeId) -> Vec<u64> {
    let keeps = |set: &BTreeSet<NodeId>| {
        let live = set
            .iter()
            .filter(|member| **member != node && !metadata.is_excluded(**member));
        live.count() >= quorum_of(set)
    };
    let loses = |tablet: &Tablet| match &tablet.transition {
        Some(it) if it.stage == Stage::WriteBothReadNew => {
            it.takes_part(node) && !keeps(&it.old) && !keeps(&it.new)
        }
        _ => tablet.read_set().contains(&node) && !keeps(tablet.read_set()),
    };
    let tablets = metadata.tablets_of(node);
    let lost = tablets.filter(|id| metadata.tablets.get(id).is_some_and(loses));
    lost.map(|id| id.as_u64()).take(NAMED_MAX).collect()
}

/// Every node, as the metadata has it and as it tells itself.
pub(super) fn views(
    app: &App,
    metadata: &Metadata,
    reports: &BTreeMap<NodeId, NodeReport>,
    silent: &[api::Silent],
) -> Vec<api::Node> {
    let voters = app.running.raft.status().voters;
    let view = |(node, info): (&NodeId, &NodeInfo)| {
        let report = reports.get(node);
        let error = silent.iter().find(|silent| silent.node == node.as_u64());
        api::Node {
            id: node.as_u64(),
            address: info.address.as_ref().map(|address| api::Addresses {
                transport: address.transport.clone(),
                admin: address.admin.clone(),
            }),
            rack: info.rack.clone(),
            excluded: info.excluded,
            draining: info.draining,
            voter: voters.contains(node),
            reachable: report.is_some(),
            error: error.map(|silent| silent.why.clone()),
            software: report.map(|report| report.software.clone()),
            uptime_seconds: report.map(|report| report.uptime_seconds),
            raft: report.map(|report| report.raft.clone()),
            replicas: metadata.tablets_of(*node).count() as u64,
            bytes: report.map(|report| report.bytes),
        }
    };
    metadata.nodes.iter().map(view).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_votes_that_are_left_are_those_that_answer() {
        let nodes = |ids: &[u64]| ids.iter().copied().map(NodeId::new).collect::<BTreeSet<_>>();
        let note = |voters: &[u64], answer: &[u64]| vote_note(&nodes(voters), &nodes(answer), NodeId::new(1));
        let told = note(&[1, 2, 3, 4], &[2, 3, 4]);
        assert!(
            told.ends_with("Of the other 3 with a vote 3 answer, and it takes 2"),
            "{told}"
        );
        // One is down already: none may fail besides.
        let told = note(&[1, 2, 3, 4], &[1, 2, 4]);
        assert!(
            told.contains("3 with a vote 2 answer, and it takes 2: not one more"),
            "{told}"
        );
    }
}
