//! What holds for every request: it ends in time, and a fault of the program is an answer.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use tokio::time::timeout;
use tracing::error;

use super::problem::Failure;
use crate::api::problem_type;

/// How long most requests may take: longer than an operator's ask, whose own deadline says more.
const REQUEST: Duration = Duration::from_secs(40);

/// How long it may take to found a cluster, or to take a node in.
const MEMBERSHIP: Duration = Duration::from_secs(120);

/// How long a comparison may take: longer than it may ask for.
const VERIFY: Duration = Duration::from_secs(630);

/// How long a request to that path may take.
fn limit_of(path: &str) -> Duration {
    match path {
        "/v1/tables/{name}/verify" => VERIFY,
        "/v1/cluster/init" | "/v1/nodes" => MEMBERSHIP,
        _ => REQUEST,
    }
}

pub(super) async fn within_time(path: Option<MatchedPath>, request: Request, next: Next) -> Response {
    let limit = limit_of(path.as_ref().map_or("", MatchedPath::as_str));
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    match timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) if changes => {
            let detail = format!("no end within {limit:?}: look at the state before asking again");
            Failure::outcome_unknown(detail).into_response()
        }
        Err(_) => {
            let detail = format!("no answer within {limit:?}: try again");
            let (status, kind) = (StatusCode::SERVICE_UNAVAILABLE, problem_type::TIMED_OUT);
            Failure::new(status, kind, "It took too long", detail).into_response()
        }
    }
}

pub(super) async fn no_panic(request: Request, next: Next) -> Response {
    let asked = format!("{} {}", request.method(), request.uri().path());
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => {
            error!(asked, panic = said(&*panic), "the admin API has panicked");
            let detail = "a fault of the program; the node's log says more".to_owned();
            let (status, kind) = (StatusCode::INTERNAL_SERVER_ERROR, problem_type::INTERNAL);
            Failure::new(status, kind, "Internal error", detail).into_response()
        }
    }
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it said nothing")
}
