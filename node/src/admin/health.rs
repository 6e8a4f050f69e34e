//! For whoever only wants to know whether the node lives, or measures it.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use tidegate_tablets::MetadataStore as _;
use tokio::time::timeout;

use super::App;
use super::problem::{Failure, Problems};
use crate::api::problem_type;

/// How long a read barrier may take for the node to count as ready.
const READY: Duration = Duration::from_secs(2);

/// Whether the process lives: it answers.
#[utoipa::path(get, operation_id = "healthz", path = "/healthz", tag = "health", responses((status = 200, description = "It lives", content_type = "text/plain", body = String), Problems))]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether the node takes part in a cluster that has a leader, and has read what was decided before.
#[utoipa::path(get, operation_id = "readyz", path = "/readyz", tag = "health", responses((status = 200, description = "It is ready", content_type = "text/plain", body = String), Problems))]
pub(super) async fn readyz(State(app): State<App>) -> Result<&'static str, Failure> {
    let running = &app.running;
    let not_ready = |why: &str| Err(Failure::unavailable(why.to_owned()));
    if running.is_stopping() {
        return not_ready("the node stops");
    }
    if !running.has_cluster() {
        return not_ready("the node belongs to no cluster yet");
    }
    if running.is_excluded() {
        return not_ready("the node is excluded, for ever");
    }
    match timeout(READY, running.raft.read_barrier()).await {
        Ok(Ok(_)) if running.replica.map().is_some() => Ok("ready\n"),
        Ok(Ok(_)) => not_ready("the node has not applied the metadata yet"),
        Ok(Err(_)) => not_ready("the node stops"),
        Err(_) => not_ready("the metadata has no leader that answers"),
    }
}

/// The node's metrics, in Prometheus' text form.
#[utoipa::path(get, operation_id = "metrics", path = "/metrics", tag = "health", responses((status = 200, description = "The metrics", content_type = "text/plain", body = String), Problems))]
pub(super) async fn metrics(State(app): State<App>) -> Result<Response, Failure> {
    let Some(render) = &app.metrics else {
        let detail = "this node records no metrics".to_owned();
        return Err(Failure::new(
            StatusCode::NOT_FOUND,
            problem_type::NOT_FOUND,
            "Not found",
            detail,
        ));
    };
    let text = render();
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}
