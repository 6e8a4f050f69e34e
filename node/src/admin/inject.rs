//! Injection points, in builds made for it.

use axum::Json;
use axum::extract::State;
use tidegate_inject::Params;

use super::App;
use super::extract::{InPath, MaySay};
use super::problem::{Failure, Problems};
use crate::api;

/// The longest name of a point, and the longest message.
const NAME_MAX: usize = 128;
const MESSAGE_MAX: usize = 1024;

/// Turns an injection point of the answering node on or off, or sends whoever waits in it a message.
#[utoipa::path(post, operation_id = "inject", path = "/v1/inject/{point}", tag = "inject", params(("point" = String, Path, description = "The point's name", min_length = 1, max_length = 128)), request_body = Option<api::InjectRequest>, responses((status = 200, description = "What it is now", body = api::Injected), Problems))]
pub(super) async fn inject(
    State(app): State<App>,
    InPath(point): InPath<String>,
    MaySay(asked): MaySay<api::InjectRequest>,
) -> Result<Json<api::Injected>, Failure> {
    check_name(&point)?;
    if asked
        .message
        .as_ref()
        .is_some_and(|message| message.len() > MESSAGE_MAX)
    {
        return Err(Failure::senseless(format!(
            "a message is at most {MESSAGE_MAX} bytes"
        )));
    }
    let injector = &app.running.injector;
    // A message alone leaves the point as it is.
    match asked.enable.or(asked.message.is_none().then_some(true)) {
        Some(true) if asked.once => injector.enable(&point, Params::once()),
        Some(true) => injector.enable(&point, Params::always()),
        Some(false) => injector.disable(&point),
        None => {}
    }
    if let Some(message) = asked.message {
        injector.message(&point, message);
    }
    Ok(Json(state(&app, point)))
}

/// An injection point of the answering node, which stays as it is.
#[utoipa::path(get, operation_id = "injected", path = "/v1/inject/{point}", tag = "inject", params(("point" = String, Path, description = "The point's name", min_length = 1, max_length = 128)), responses((status = 200, description = "What it is", body = api::Injected), Problems))]
pub(super) async fn injected(
    State(app): State<App>,
    InPath(point): InPath<String>,
) -> Result<Json<api::Injected>, Failure> {
    check_name(&point)?;
    Ok(Json(state(&app, point)))
}

fn check_name(point: &str) -> Result<(), Failure> {
    if point.is_empty() || point.len() > NAME_MAX {
        return Err(Failure::senseless(format!(
            "a point's name is 1 to {NAME_MAX} bytes"
        )));
    }
    Ok(())
}

fn state(app: &App, point: String) -> api::Injected {
    let injector = &app.running.injector;
    api::Injected {
        enabled: injector.is_enabled(&point),
        entries: injector.entries(&point),
        point,
    }
}
