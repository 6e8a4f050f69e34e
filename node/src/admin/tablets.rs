//! Tablets.

use axum::Json;
use axum::extract::State;
use tidegate_tablets::{Metadata, MetadataStore as _, Tablet, TabletId};

use super::App;
use super::extract::InPath;
use super::problem::{Failure, Problems};
use super::tables::{Sizes, by_name, numbers, sizes};
use crate::api;

/// The tablets of a table.
#[utoipa::path(get, operation_id = "tablets_of_table", path = "/v1/tables/{name}/tablets", tag = "tables", params(("name" = String, Path, description = "The table's name")), responses((status = 200, description = "The tablets", body = api::Tablets), Problems))]
pub(super) async fn of_table(
    State(app): State<App>,
    InPath(name): InPath<String>,
) -> Result<Json<api::Tablets>, Failure> {
    if by_name(&app.running.raft.snapshot(), &name).is_none() {
        return Err(Failure::unknown_table(&name));
    }
    let sizes = sizes(&app).await;
    let metadata = app.running.raft.snapshot();
    let Some((_, table)) = by_name(&metadata, &name) else {
        return Err(Failure::unknown_table(&name));
    };
    let tablets = table.tablets.iter();
    let tablets = tablets.filter_map(|id| Some(view(&metadata, &sizes, *id, metadata.tablets.get(id)?)));
    Ok(Json(api::Tablets {
        tablets: tablets.collect(),
    }))
}

/// A tablet.
#[utoipa::path(get, operation_id = "tablets_one", path = "/v1/tablets/{id}", tag = "tables", params(("id" = u64, Path, description = "The tablet's number")), responses((status = 200, description = "The tablet", body = api::Tablet), Problems))]
pub(super) async fn one(
    State(app): State<App>,
    InPath(id): InPath<u64>,
) -> Result<Json<api::Tablet>, Failure> {
    let tablet = TabletId::new(id);
    if !app.running.raft.snapshot().tablets.contains_key(&tablet) {
        return Err(Failure::unknown_tablet(id));
    }
    let sizes = sizes(&app).await;
    let metadata = app.running.raft.snapshot();
    let known = metadata.tablets.get(&tablet);
    let view = known.map(|known| view(&metadata, &sizes, tablet, known));
    view.map(Json).ok_or_else(|| Failure::unknown_tablet(id))
}

fn view(metadata: &Metadata, sizes: &Sizes, id: TabletId, tablet: &Tablet) -> api::Tablet {
    let size = sizes.get(&id.as_u64());
    api::Tablet {
        id: id.as_u64(),
        table: tablet.table.as_u64(),
        table_name: name_of(metadata, tablet),
        first_token: format!("{:016x}", tablet.range.first.0),
        last_token: format!("{:016x}", tablet.range.last.0),
        replicas: numbers(&tablet.replicas),
        epoch: tablet.epoch.as_u64(),
        transition: tablet.transition.as_ref().map(api::Transition::from),
        rows: size.map(|size| size.0),
        bytes: size.map(|size| size.1),
    }
}

/// The name of a tablet's table.
pub(super) fn name_of(metadata: &Metadata, tablet: &Tablet) -> String {
    let table = metadata.tables.get(&tablet.table);
    table.map(|table| table.name.clone()).unwrap_or_default()
}
