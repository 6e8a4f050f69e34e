//! Sessions, and who holds them.

use axum::Json;
use axum::extract::State;
use tidegate_tablets::{Metadata, MetadataStore as _, TabletId};

use super::App;
use super::problem::Problems;
use crate::api;

/// Open and closing sessions of all nodes that answer, with their holders.
#[utoipa::path(get, operation_id = "sessions_list", path = "/v1/sessions", tag = "sessions", responses((status = 200, description = "The sessions", body = api::Sessions), Problems))]
pub(super) async fn list(State(app): State<App>) -> Json<api::Sessions> {
    let (reports, silent) = app.running.reports.reports().await;
    let metadata = app.running.raft.snapshot();
    let all = reports.into_values().flat_map(|report| report.sessions);
    let mut sessions: Vec<api::Session> = all
        .map(|mut session| {
            session.stage = stage_of(&metadata, &session);
            session
        })
        .collect();
    sessions.sort_by(|a, b| (a.tablet, &a.session, a.node).cmp(&(b.tablet, &b.session, b.node)));
    Json(api::Sessions { sessions, silent })
}

/// The stage that has the session by the metadata.
fn stage_of(metadata: &Metadata, session: &api::Session) -> Option<api::Stage> {
    let tablet = metadata.tablets.get(&TabletId::new(session.tablet))?;
    let transition = tablet.transition.as_ref()?;
    let (id, _) = transition.session?;
    (id.to_string() == session.session).then(|| transition.stage.into())
}
