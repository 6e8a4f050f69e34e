//! Tables.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use tidegate_tablets::{Metadata, MetadataStore as _, NodeId, Table, TableId};

use super::App;
use super::extract::{InPath, Said};
use super::placement::place;
use super::problem::{Failure, Problems};
use crate::api::{self, problem_type};
use crate::reports::{Ask, REPORT_DEADLINE, Told};

/// The most tablets and replicas that a table is made with.
const TABLETS_MAX: u32 = 65_536;
const REPLICAS_MAX: u32 = 15;

/// The most characters in a name.
const NAME_MAX: usize = 128;

/// Rows and bytes of tablets, as the nodes that answered estimate them.
pub(super) type Sizes = BTreeMap<u64, (u64, u64)>;

/// All tables.
#[utoipa::path(get, operation_id = "tables_list", path = "/v1/tables", tag = "tables", responses((status = 200, description = "The tables", body = api::Tables), Problems))]
pub(super) async fn list(State(app): State<App>) -> Json<api::Tables> {
    let sizes = sizes(&app).await;
    let metadata = app.running.raft.snapshot();
    let tables = metadata.tables.iter();
    let tables = tables
        .map(|(id, table)| view(&metadata, &sizes, *id, table))
        .collect();
    Json(api::Tables { tables })
}

/// Makes a table, its replicas spread over nodes and racks.
#[utoipa::path(post, operation_id = "tables_create", path = "/v1/tables", tag = "tables", request_body = api::CreateTable, responses((status = 201, description = "The table is made", body = api::TableCreated), Problems))]
pub(super) async fn create(
    State(app): State<App>,
    Said(asked): Said<api::CreateTable>,
) -> Result<(StatusCode, Json<api::TableCreated>), Failure> {
    check(&asked)?;
    let metadata = app.newest().await?;
    if by_name(&metadata, &asked.name).is_some() {
        return Err(Failure::table_exists());
    }
    let Some(replicas) = place(&metadata, asked.tablets, asked.replicas) else {
        let detail = format!(
            "{} replicas of a tablet take as many nodes that are neither excluded nor draining: ask for fewer, or have \
             nodes join (`tidegate join`)",
            asked.replicas
        );
        return Err(Failure::conflict(problem_type::REFUSED, "Too few nodes", detail));
    };
    let id = app
        .running
        .operator
        .create_table(asked.name.clone(), replicas)
        .await?;
    let metadata = app.running.raft.snapshot();
    let tablets = metadata
        .tables
        .get(&id)
        .map(|table| table.tablets.clone())
        .unwrap_or_default();
    let created = api::TableCreated {
        id: id.as_u64(),
        name: asked.name,
        tablets: tablets.into_iter().map(|tablet| tablet.as_u64()).collect(),
    };
    Ok((StatusCode::CREATED, Json(created)))
}

/// Drops a table, with its tablets, their transitions and all its rows, for ever.
#[utoipa::path(delete, operation_id = "tables_drop_table", path = "/v1/tables/{name}", tag = "tables", params(("name" = String, Path, description = "The table's name")), responses((status = 204, description = "The table is dropped"), Problems))]
pub(super) async fn drop_table(
    State(app): State<App>,
    InPath(name): InPath<String>,
) -> Result<StatusCode, Failure> {
    let metadata = app.newest().await?;
    let Some((id, _)) = by_name(&metadata, &name) else {
        return Err(Failure::unknown_table(&name));
    };
    app.running.operator.drop_table(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn check(asked: &api::CreateTable) -> Result<(), Failure> {
    let name = asked.name.as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
    let starts_well = name
        .first()
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    if !starts_well || name.len() > NAME_MAX || !name.iter().all(plain) {
        let detail = format!(
            "a table's name is 1 to {NAME_MAX} of letters, digits, `_`, `.` and `-`, and begins with a letter, a digit or \
             `_`"
        );
        return Err(Failure::senseless(detail));
    }
    if !(1..=TABLETS_MAX).contains(&asked.tablets) {
        return Err(Failure::senseless(format!("`tablets` is 1 to {TABLETS_MAX}")));
    }
    if !(1..=REPLICAS_MAX).contains(&asked.replicas) {
        return Err(Failure::senseless(format!("`replicas` is 1 to {REPLICAS_MAX}")));
    }
    Ok(())
}

/// The table of that name; of several the oldest.
pub(super) fn by_name<'a>(metadata: &'a Metadata, name: &str) -> Option<(TableId, &'a Table)> {
    let mut tables = metadata.tables.iter();
    tables
        .find(|(_, table)| table.name == name)
        .map(|(id, table)| (*id, table))
}

/// What tablets hold, as their replicas estimate it: of each the largest of what is told.
pub(super) async fn sizes(app: &App) -> Sizes {
    let ask = Ask::Load { tablet: None };
    let gathered = app.running.reports.ask_members(&ask, REPORT_DEADLINE).await;
    let metadata = app.running.raft.snapshot();
    let mut sizes = Sizes::new();
    for (node, told) in gathered.told {
        let Told::Load(held) = told else { continue };
        for held in held {
            let tablet = metadata
                .tablets
                .get(&tidegate_tablets::TabletId::new(held.tablet));
            if tablet.is_some_and(|tablet| tablet.replicas.contains(&node)) {
                let size = sizes.entry(held.tablet).or_default();
                *size = (size.0.max(held.rows), size.1.max(held.bytes));
            }
        }
    }
    sizes
}

fn view(metadata: &Metadata, sizes: &Sizes, id: TableId, table: &Table) -> api::Table {
    let tablets = table.tablets.iter();
    let known: Vec<_> = tablets.filter_map(|id| metadata.tablets.get(id)).collect();
    let sized: Vec<&(u64, u64)> = table
        .tablets
        .iter()
        .filter_map(|id| sizes.get(&id.as_u64()))
        .collect();
    let told = !sized.is_empty();
    api::Table {
        id: id.as_u64(),
        name: table.name.clone(),
        tablets: table.tablets.len() as u64,
        replicas: known.iter().map(|it| it.replicas.len() as u64).min().unwrap_or(0),
        transitions: known.iter().filter(|it| it.transition.is_some()).count() as u64,
        rows: told.then(|| sized.iter().map(|size| size.0).sum()),
        bytes: told.then(|| sized.iter().map(|size| size.1).sum()),
    }
}

/// The numbers of nodes, for JSON.
pub(super) fn numbers<'a>(nodes: impl IntoIterator<Item = &'a NodeId>) -> Vec<u64> {
    nodes.into_iter().map(|node| node.as_u64()).collect()
}
