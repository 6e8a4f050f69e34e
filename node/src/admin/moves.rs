//! Moves: begun, cancelled, and those that run.

mod notes;
mod running;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use tidegate_tablets::{Change, Epoch, Metadata, NodeId, Reason, Stage, Tablet, TabletId, TransitionKind};

pub(super) use self::running::{__path_list, list};
use super::App;
use super::extract::{InPath, MaySay, Said};
use super::nodes::would;
use super::problem::{Failure, Problems};
use crate::api::{self, problem_type};
use crate::reports::{Ask, Gathered, REPORT_DEADLINE, Told};

/// A move that nothing speaks against.
struct Planned {
    metadata: Arc<Metadata>,
    tablet: TabletId,
    from: NodeId,
    to: NodeId,
    kind: TransitionKind,
    /// What begins it.
    change: Change,
}

/// Begins to move a replica, or to rebuild an excluded node's. With `dry_run` it says what would happen.
#[utoipa::path(post, operation_id = "moves_begin", path = "/v1/tablets/{id}/move", tag = "moves", params(("id" = u64, Path, description = "The tablet's number")), request_body = api::MoveRequest, responses((status = 200, description = "What would happen (a dry run)", body = api::MoveAnswer), (status = 202, description = "It has begun", body = api::MoveAnswer), Problems))]
pub(super) async fn begin(
    State(app): State<App>,
    InPath(id): InPath<u64>,
    Said(asked): Said<api::MoveRequest>,
) -> Result<(StatusCode, Json<api::MoveAnswer>), Failure> {
    let planned = plan(app.newest().await?, TabletId::new(id), &asked)?;
    let told = ask(&app, &planned).await;
    let begun = if asked.dry_run {
        None
    } else {
        let (operator, Planned { tablet, from, to, .. }) = (&app.running.operator, &planned);
        Some(match planned.kind {
            TransitionKind::Rebuild => operator.rebuild(*tablet, *from, *to).await?,
            _ => operator.move_tablet(*tablet, *from, *to).await?,
        })
    };
    let status = if asked.dry_run {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    Ok((status, Json(answer(&app, &planned, begun, &told))))
}

/// Looks at all that a move is refused for, and at what it would be.
fn plan(metadata: Arc<Metadata>, id: TabletId, asked: &api::MoveRequest) -> Result<Planned, Failure> {
    let Some(tablet) = metadata.tablets.get(&id) else {
        return Err(Failure::unknown_tablet(id.as_u64()));
    };
    if tablet.transition.is_some() {
        return Err(Failure::refused(&tidegate_tablets::Refused::InTransition(id)));
    }
    let from = from(&metadata, id, tablet, asked.from)?;
    let to = NodeId::new(asked.to);
    takes(&metadata, id, tablet, to)?;
    let kind = if metadata.is_excluded(from) {
        TransitionKind::Rebuild
    } else {
        TransitionKind::Migration
    };
    let change = Change::Begin {
        tablet: id,
        expected: tablet.epoch,
        kind,
        leaving: Some(from),
        pending: Some(to),
        purge_floor: 0,
        reason: Reason::Operator,
    };
    would(&metadata, &change)?;
    Ok(Planned {
        tablet: id,
        from,
        to,
        kind,
        metadata,
        change,
    })
}

/// Whose replica goes.
fn from(metadata: &Metadata, id: TabletId, tablet: &Tablet, asked: Option<u64>) -> Result<NodeId, Failure> {
    let listed: Vec<String> = tablet.replicas.iter().map(ToString::to_string).collect();
    let listed = listed.join(", ");
    match asked.map(NodeId::new) {
        Some(from) if tablet.replicas.contains(&from) => Ok(from),
        Some(from) if !metadata.nodes.contains_key(&from) => Err(Failure::unknown_node(from.as_u64())),
        Some(from) => {
            let detail = format!("node {from} holds no replica of tablet {id}: {listed} do");
            Err(Failure::conflict(
                problem_type::NOT_REPLICA,
                "The node holds no replica",
                detail,
            ))
        }
        None => match (tablet.replicas.first(), tablet.replicas.len()) {
            (Some(only), 1) => Ok(*only),
            _ => Err(Failure::senseless(format!(
                "say with `from` which replica of tablet {id} is to go: {listed} hold one"
            ))),
        },
    }
}

/// Whether a node may get a replica.
fn takes(metadata: &Metadata, id: TabletId, tablet: &Tablet, to: NodeId) -> Result<(), Failure> {
    let Some(info) = metadata.nodes.get(&to) else {
        return Err(Failure::unknown_node(to.as_u64()));
    };
    if info.excluded {
        return Err(Failure::excluded(to.as_u64()));
    }
    if tablet.concerns(to) {
        let detail = format!("node {to} holds a replica of tablet {id} already: move it to another node");
        let (kind, title) = (problem_type::ALREADY_REPLICA, "The node holds a replica already");
        return Err(Failure::conflict(kind, title, detail));
    }
    if info.draining {
        let detail =
            format!("node {to} drains: take that back first (`tidegate resume {to}`), or move elsewhere");
        return Err(Failure::conflict(
            problem_type::DRAINING,
            "The node drains",
            detail,
        ));
    }
    Ok(())
}

/// What those who take part hold of the tablet, as they estimate it now, and who of them does not tell.
async fn ask(app: &App, planned: &Planned) -> Gathered {
    let replicas = planned.metadata.tablets.get(&planned.tablet);
    let replicas = replicas.into_iter().flat_map(|tablet| &tablet.replicas);
    let live = replicas.filter(|node| planned.metadata.is_live_member(**node));
    let part: BTreeSet<NodeId> = live.copied().chain([planned.to]).collect();
    let tablet = Some(planned.tablet.as_u64());
    let ask = Ask::Load { tablet };
    app.running.reports.ask_all(part, &ask, REPORT_DEADLINE).await
}

/// What the sources hold.
fn carries(planned: &Planned, gathered: &Gathered) -> Option<api::Carried> {
    let is_source = |node: NodeId| match planned.kind {
        TransitionKind::Migration => node == planned.from,
        _ => node != planned.to,
    };
    let sources = gathered.told.iter().filter(|(node, _)| is_source(**node));
    let held = sources.filter_map(|(_, told)| match told {
        Told::Load(held) => held.first().copied(),
        _ => None,
    });
    held.map(|held| api::Carried {
        rows: held.rows,
        bytes: held.bytes,
    })
    .reduce(|a, b| api::Carried {
        rows: a.rows.max(b.rows),
        bytes: a.bytes.max(b.bytes),
    })
}

fn answer(app: &App, planned: &Planned, begun: Option<Epoch>, told: &Gathered) -> api::MoveAnswer {
    let carries = carries(planned, told);
    let streaming = &app.running.streaming;
    let limits = [streaming.send_throttle(), streaming.receive_throttle()];
    let slowest = limits
        .into_iter()
        .filter_map(|limit| limit.bytes_per_second())
        .min();
    api::MoveAnswer {
        tablet: planned.tablet.as_u64(),
        from: planned.from.as_u64(),
        to: planned.to.as_u64(),
        kind: planned.kind.into(),
        dry_run: begun.is_none(),
        begun: begun.map(Epoch::as_u64),
        stages: stages(Some(Stage::first(planned.kind))),
        seconds_at_least: carries
            .zip(slowest)
            .map(|(carries, slowest)| carries.bytes.div_ceil(slowest.get())),
        carries,
        notes: notes::of(planned, carries.is_some(), &told.silent),
    }
}

/// The stages from one to the end, when nothing fails.
fn stages(first: Option<Stage>) -> Vec<api::Stage> {
    std::iter::successors(first, |stage| stage.next())
        .map(api::Stage::from)
        .collect()
}

/// Has a transition go back: accepted up to streaming, later there is only forward.
#[utoipa::path(post, operation_id = "moves_cancel", path = "/v1/tablets/{id}/cancel", tag = "moves", params(("id" = u64, Path, description = "The tablet's number")), request_body = Option<api::CancelRequest>, responses((status = 200, description = "It goes back, or would", body = api::CancelAnswer), Problems))]
pub(super) async fn cancel(
    State(app): State<App>,
    InPath(id): InPath<u64>,
    MaySay(asked): MaySay<api::CancelRequest>,
) -> Result<Json<api::CancelAnswer>, Failure> {
    let metadata = app.newest().await?;
    let tablet = TabletId::new(id);
    let transition = transition_of(&metadata, tablet)?;
    let begun = asked.begun.map_or(transition.begun, Epoch::new);
    would(&metadata, &Change::Cancel { tablet, begun })?;
    if !asked.dry_run {
        app.running.operator.cancel(tablet, begun).await?;
        // The metadata does not say by whom; another node hears of it from here.
        let why = format!("an operator cancelled it, asked at node {}", app.running.id);
        let journal = app.running.reports.journal();
        journal.note_back(&metadata, tablet, begun, &why);
    }
    Ok(Json(api::CancelAnswer {
        tablet: id,
        begun: begun.as_u64(),
        stage: transition.stage.into(),
        stages: stages(transition.stage.back()),
        dry_run: asked.dry_run,
    }))
}

/// Lets a rebuild go on with the sources that are left: gives up acknowledged writes that only lost replicas held.
#[utoipa::path(post, operation_id = "moves_allow_fewer_sources", path = "/v1/tablets/{id}/allow_fewer_sources", tag = "moves", params(("id" = u64, Path, description = "The tablet's number")), request_body = Option<api::CancelRequest>, responses((status = 200, description = "The transition that goes on, or would", body = api::Transition), Problems))]
pub(super) async fn allow_fewer_sources(
    State(app): State<App>,
    InPath(id): InPath<u64>,
    MaySay(asked): MaySay<api::CancelRequest>,
) -> Result<Json<api::Transition>, Failure> {
    let metadata = app.newest().await?;
    let tablet = TabletId::new(id);
    let transition = transition_of(&metadata, tablet)?;
    if asked
        .begun
        .is_some_and(|begun| begun != transition.begun.as_u64())
    {
        return Err(Failure::refused(&tidegate_tablets::Refused::NoTransition(tablet)));
    }
    let expected = metadata
        .tablets
        .get(&tablet)
        .map(|it| it.epoch)
        .unwrap_or_default();
    would(&metadata, &Change::AllowFewerSources { tablet, expected })?;
    let needed = transition.sources_needed();
    let left = transition.old.iter().filter(|node| !metadata.is_excluded(**node));
    let left = left.count();
    if left >= needed && !transition.fewer_sources {
        let detail = format!(
            "{left} of the replicas of tablet {id} are members, and {needed} are enough: start those that are down; one that \
             is gone for ever is to be excluded first"
        );
        return Err(Failure::conflict(
            problem_type::REFUSED,
            "No source is lost",
            detail,
        ));
    }
    if !asked.dry_run {
        app.running.operator.allow_fewer_sources(tablet).await?;
    }
    let mut told = api::Transition::from(transition);
    told.fewer_sources |= !asked.dry_run;
    Ok(Json(told))
}

fn transition_of(metadata: &Metadata, id: TabletId) -> Result<&tidegate_tablets::Transition, Failure> {
    let Some(tablet) = metadata.tablets.get(&id) else {
        return Err(Failure::unknown_tablet(id.as_u64()));
    };
    let none = || Failure::refused(&tidegate_tablets::Refused::NoTransition(id));
    tablet.transition.as_ref().ok_or_else(none)
}
