//! Rows: read, written, deleted, and loaded many at once.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use tidegate_kv::{ReadError, Timestamp, Write, WriteError};
use tidegate_tablets::{MetadataStore as _, TableId};

use super::App;
use super::extract::{InPath, Raw, media_type, unreadable};
use super::problem::{Failure, Problems};
use super::row_path::table_and_key;
use super::tables::by_name;
use crate::api::{self, Object, problem_type};
use crate::reports::Key;

/// Rows in one request.
const ROWS_MAX: usize = 65_536;

/// Failures that an answer names.
const FAILURES_MAX: usize = 64;

/// The longest key.
const KEY_BYTES_MAX: usize = 4096;

/// The longest value, in base64.
const VALUE_TEXT_MAX: usize = 1_310_720;

/// The value of a key, read from a quorum.
#[utoipa::path(get, operation_id = "rows_read", path = "/v1/tables/{name}/rows/{key}", tag = "rows", params(("name" = String, Path, description = "The table's name"), ("key" = String, Path, description = "The key's bytes, percent-encoded")), responses((status = 200, description = "The value", content_type = "application/octet-stream", body = Vec<u8>), Problems))]
pub(super) async fn read(State(app): State<App>, OriginalUri(uri): OriginalUri) -> Result<Response, Failure> {
    let (name, table, key) = row(&app, &uri)?;
    let read = app.running.client.get(table, key).await;
    match read.map_err(|error| read_failed(&name, &error))? {
        Some(value) => Ok(([(CONTENT_TYPE, "application/octet-stream")], value).into_response()),
        None => {
            let (kind, title) = (problem_type::UNKNOWN_KEY, "No such key");
            let detail = format!("table {name:?} has no such key");
            Err(Failure::new(StatusCode::NOT_FOUND, kind, title, detail))
        }
    }
}

/// Sets the value of a key: the body, whatever it is. Answered when a quorum holds it.
#[utoipa::path(put, operation_id = "rows_write", path = "/v1/tables/{name}/rows/{key}", tag = "rows", params(("name" = String, Path, description = "The table's name"), ("key" = String, Path, description = "The key's bytes, percent-encoded; 1 to 4096 of them")), request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The value; key and value together are below 960 KiB"), responses((status = 200, description = "It is written", body = api::Written), Problems))]
pub(super) async fn write(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Raw { bytes, .. }: Raw,
) -> Result<Json<api::Written>, Failure> {
    let (name, table, key) = row(&app, &uri)?;
    let written = app.running.client.put(table, key, bytes).await;
    told(&name, written)
}

/// Deletes a key, whether it is there or not. Answered when a quorum holds the tombstone.
#[utoipa::path(delete, operation_id = "rows_delete", path = "/v1/tables/{name}/rows/{key}", tag = "rows", params(("name" = String, Path, description = "The table's name"), ("key" = String, Path, description = "The key's bytes, percent-encoded; 1 to 4096 of them")), responses((status = 200, description = "It is deleted", body = api::Written), Problems))]
pub(super) async fn delete(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
) -> Result<Json<api::Written>, Failure> {
    let (name, table, key) = row(&app, &uri)?;
    let written = app.running.client.delete(table, key).await;
    told(&name, written)
}

/// Writes and deletes many rows, each by itself: an answer of success tells how many failed.
#[utoipa::path(post, operation_id = "rows_load", path = "/v1/tables/{name}/rows", tag = "rows", params(("name" = String, Path, description = "The table's name")), request_body(content((api::LoadRows = "application/json"), (String = "application/x-ndjson")), description = "The rows; as `application/x-ndjson` one `RowToWrite` a line. At most 65536 rows and 16 MiB"), responses((status = 200, description = "What became of each", body = api::RowsLoaded), Problems))]
pub(super) async fn load(
    State(app): State<App>,
    InPath(name): InPath<String>,
    Raw { bytes, media_type }: Raw,
) -> Result<Json<api::RowsLoaded>, Failure> {
    let rows = rows_of(&bytes, media_type.as_deref())?;
    if rows.len() > ROWS_MAX {
        return Err(Failure::senseless(format!("at most {ROWS_MAX} rows at once")));
    }
    let writes: Vec<Write> = rows
        .iter()
        .enumerate()
        .map(|(at, row)| write_of(at, row))
        .collect::<Result<_, _>>()?;
    let table = table(&app, &name)?;
    let written = app.running.client.write_many(table, writes).await;
    let mut loaded = api::RowsLoaded {
        written: 0,
        failed: 0,
        outcome_unknown: 0,
        failures: Vec::new(),
    };
    for (at, (outcome, row)) in written.into_iter().zip(rows).enumerate() {
        let Err(error) = outcome else {
            loaded.written += 1;
            continue;
        };
        loaded.failed += 1;
        loaded.outcome_unknown += u64::from(!error.is_refused());
        if loaded.failures.len() < FAILURES_MAX {
            loaded.failures.push(api::LoadFailure {
                at: at as u64,
                key: row.key,
                outcome_unknown: !error.is_refused(),
                error: error.to_string(),
            });
        }
    }
    Ok(Json(loaded))
}

fn rows_of(bytes: &Bytes, said: Option<&str>) -> Result<Vec<api::RowToWrite>, Failure> {
    let wrong = |error: serde_json::Error| {
        if error.is_data() {
            Failure::senseless(format!("the rows make no sense: {error}"))
        } else {
            unreadable(format!("the rows are no JSON: {error}"))
        }
    };
    match said {
        Some("application/json") => {
            let asked: Object<api::LoadRows> = serde_json::from_slice(bytes).map_err(wrong)?;
            Ok(asked.0.rows)
        }
        Some("application/x-ndjson" | "application/jsonl") => {
            let lines = bytes
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.trim_ascii().is_empty());
            lines
                .map(|line| serde_json::from_slice(line).map(|Object(row)| row).map_err(wrong))
                .collect()
        }
        _ => Err(media_type(
            "rows come as `Content-Type: application/json`, or `application/x-ndjson` with one a line"
                .to_owned(),
        )),
    }
}

fn write_of(at: usize, row: &api::RowToWrite) -> Result<Write, Failure> {
    let bytes = |what: &str, text: &str| {
        let key = Key::from_base64(text).map(|key| key.0);
        key.ok_or_else(|| Failure::senseless(format!("row {at}: its {what} is no base64 with padding")))
    };
    let key = bytes("key", &row.key)?;
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(Failure::senseless(format!(
            "row {at}: a key is 1 to {KEY_BYTES_MAX} bytes"
        )));
    }
    if row
        .value
        .as_ref()
        .is_some_and(|value| value.len() > VALUE_TEXT_MAX)
    {
        return Err(Failure::senseless(format!(
            "row {at}: a value is at most 960 KiB"
        )));
    }
    let value = row
        .value
        .as_deref()
        .map(|value| bytes("value", value))
        .transpose()?;
    Ok(Write { key, value })
}

fn row(app: &App, uri: &Uri) -> Result<(String, TableId, Bytes), Failure> {
    let (name, key) = table_and_key(uri)?;
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(Failure::senseless(format!("a key is 1 to {KEY_BYTES_MAX} bytes")));
    }
    let table = table(app, &name)?;
    Ok((name, table, key))
}

/// The table of that name, by this node's own copy of the metadata.
pub(super) fn table(app: &App, name: &str) -> Result<TableId, Failure> {
    // The map that requests go by; before it is there, the copy that it is made of.
    let map = app
        .running
        .replica
        .map()
        .unwrap_or_else(|| app.running.raft.snapshot());
    let found = by_name(&map, name).map(|(table, _)| table);
    found.ok_or_else(|| Failure::unknown_table(name))
}

pub(super) fn read_failed(name: &str, error: &ReadError) -> Failure {
    match error {
        ReadError::NoTable(_) => Failure::unknown_table(name),
        other => Failure::unavailable(format!("{other}: `tidegate status` says which nodes are down")),
    }
}

fn told(name: &str, written: Result<Timestamp, WriteError>) -> Result<Json<api::Written>, Failure> {
    match written {
        Ok(timestamp) => Ok(Json(api::Written {
            time: timestamp.time,
            node: timestamp.node,
        })),
        Err(WriteError::NoTable(_)) => Err(Failure::unknown_table(name)),
        Err(error @ WriteError::KeyLength { .. }) => Err(Failure::senseless(error.to_string())),
        Err(error @ WriteError::TooLong { .. }) => {
            let (kind, title) = (problem_type::BODY_TOO_LARGE, "The row is too long");
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            Err(Failure::new(status, kind, title, error.to_string()))
        }
        Err(error @ WriteError::OutcomeUnknown { .. }) => Err(Failure::outcome_unknown(format!(
            "{error}: read the key, what that tells stays"
        ))),
        Err(other) => Err(Failure::unavailable(format!(
            "{other}: `tidegate status` says which nodes are down; try again"
        ))),
    }
}
