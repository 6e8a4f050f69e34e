//! The balancer: whether it may move, and what it does.

use axum::Json;
use axum::extract::State;
use tidegate_tablets::MetadataStore as _;

use super::App;
use super::extract::Said;
use super::problem::{Failure, Problems};
use crate::api;

/// What the balancer does, as the leader tells.
#[utoipa::path(get, operation_id = "balancing_show", path = "/v1/balancing", tag = "balancing", responses((status = 200, description = "What it does", body = api::Balancing), Problems))]
pub(super) async fn show(State(app): State<App>) -> Json<api::Balancing> {
    let (reports, _) = app.running.reports.reports().await;
    let on = app.running.raft.snapshot().balancing;
    let told = reports.into_values().find_map(|report| report.leads?.balancer);
    Json(api::Balancing {
        on,
        ..told.unwrap_or_else(nothing_told)
    })
}

/// Switches the balancer. Off stops new moves at once; those that run, and an operator's, go on.
#[utoipa::path(put, operation_id = "balancing_set", path = "/v1/balancing", tag = "balancing", request_body = api::SetBalancing, responses((status = 200, description = "It is switched", body = api::Balancing), Problems))]
pub(super) async fn set(
    State(app): State<App>,
    Said(asked): Said<api::SetBalancing>,
) -> Result<Json<api::Balancing>, Failure> {
    app.newest().await?;
    app.running.operator.set_balancing(asked.on).await?;
    Ok(show(State(app)).await)
}

const fn nothing_told() -> api::Balancing {
    api::Balancing {
        on: false,
        node: None,
        rounds: 0,
        moves: Vec::new(),
        waiting: Vec::new(),
        waiting_total: 0,
        refused: Vec::new(),
        load_error: None,
        error: None,
    }
}
