//! Scans: keys from a read quorum of replicas, values as every read gets them.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde::Deserialize;
use tidegate_tablets::{Metadata, TableId, Tablet, TabletId, Token, quorum_of};
use utoipa::IntoParams;

use super::App;
use super::extract::{Asked, InPath};
use super::problem::{Failure, Problems};
use super::rows::{read_failed, table};
use crate::api;
use crate::reports::{Ask, Key, RANGE_DEADLINE, RangeAsk, RowSeen, Told};

/// Rows on a page, unless it is said, and at most.
const LIMIT: u32 = 100;
const LIMIT_MAX: u32 = 10_000;

/// Bytes of values on a page, about.
const PAGE_BYTES: usize = 8 << 20;

/// Keys that are read at a time: few, as what they hold is not known before.
const KEYS_AT_ONCE: usize = 64;

/// Pages of keys that one request asks for: where there are many tombstones it ends, and says where to go on.
const ROUNDS_MAX: usize = 16;

/// Where a scan begins, and how long a page is.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// What an earlier page gave as `next`; left out at the beginning.
    #[serde(default)]
    #[param(max_length = 6000, pattern = "^[A-Za-z0-9_-]*$")]
    after: Option<String>,
    /// Rows at most.
    #[serde(default)]
    #[param(minimum = 1, maximum = 10000, default = 100)]
    limit: Option<u32>,
}

/// How far a scan is: inside of the tablet that holds this token, after this key of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    token: Token,
    key: Option<Bytes>,
}

/// Rows of a table, tablet by tablet, page by page.
#[utoipa::path(get, operation_id = "scan", path = "/v1/tables/{name}/rows", tag = "rows", params(("name" = String, Path, description = "The table's name"), Page), responses((status = 200, description = "A page of rows", body = api::ScannedRows), Problems))]
pub(super) async fn scan(
    State(app): State<App>,
    InPath(name): InPath<String>,
    Asked(page): Asked<Page>,
) -> Result<Json<api::ScannedRows>, Failure> {
    let limit = page.limit.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Failure::senseless(format!("`limit` is 1 to {LIMIT_MAX}")));
    }
    let begin = Place {
        token: Token(0),
        key: None,
    };
    let place = page.after.as_deref().map_or(Some(begin), Place::read);
    let Some(place) = place else {
        return Err(Failure::senseless(
            "`after` is no `next` of an earlier page".to_owned(),
        ));
    };
    let scan = Scan {
        app: &app,
        name: &name,
        table: table(&app, &name)?,
    };
    scan.page(place, limit as usize).await.map(Json)
}

struct Scan<'a> {
    app: &'a App,
    name: &'a str,
    table: TableId,
}

impl Scan<'_> {
    async fn page(&self, mut place: Place, limit: usize) -> Result<api::ScannedRows, Failure> {
        let mut rows = Vec::new();
        let mut bytes = 0;
        for _ in 0..ROUNDS_MAX {
            let wanted = (limit - rows.len()).min(KEYS_AT_ONCE);
            let (keys, next) = self.keys(&place, wanted).await?;
            for row in self.values(keys).await? {
                bytes += row.key.len() + row.value.len();
                rows.push(row);
            }
            match next {
                Some(next) => place = next,
                None => return Ok(api::ScannedRows { rows, next: None }),
            }
            if rows.len() >= limit || bytes >= PAGE_BYTES {
                break;
            }
        }
        let next = Some(place.write());
        Ok(api::ScannedRows { rows, next })
    }

    /// Keys from a place on that are not known to be deleted, and where to go on.
    async fn keys(&self, place: &Place, wanted: usize) -> Result<(Vec<Bytes>, Option<Place>), Failure> {
        let Some(map) = self.app.running.replica.map() else {
            return Err(Failure::unavailable(
                "this node has no map yet: ask again, or another".to_owned(),
            ));
        };
        let Some((id, tablet)) = map.tablet_of(self.table, place.token) else {
            return Err(Failure::unknown_table(self.name));
        };
        let ask = Ask::Keys(RangeAsk {
            tablet: id.as_u64(),
            after: place.key.clone().map(Key),
            until: None,
            rows_max: u32::try_from(wanted).unwrap_or(u32::MAX),
        });
        let (pages, stopped_at) = self.ask(&map, id, tablet, &ask).await?;
        let mut newest: BTreeMap<Key, RowSeen> = BTreeMap::new();
        for seen in pages {
            if stopped_at.as_ref().is_some_and(|end| seen.key > *end) {
                continue;
            }
            let stamp = |row: &RowSeen| (row.time, row.node, row.start);
            match newest.get(&seen.key) {
                Some(known) if stamp(known) >= stamp(&seen) => {}
                _ => drop(newest.insert(seen.key.clone(), seen)),
            }
        }
        let next = match stopped_at {
            Some(end) => Some(Place {
                token: place.token,
                key: Some(end.0),
            }),
            None => tablet.range.last.0.checked_add(1).map(|token| Place {
                token: Token(token),
                key: None,
            }),
        };
        // What a quorum shows to be deleted is deleted, or is just being written.
        let live = newest.into_values().filter(|row| !row.tombstone);
        Ok((live.map(|row| row.key.0).collect(), next))
    }

    /// The rows that a read quorum shows, and up to where all of it was read.
    async fn ask(
        &self,
        map: &Metadata,
        id: TabletId,
        tablet: &Tablet,
        ask: &Ask,
    ) -> Result<(Vec<RowSeen>, Option<Key>), Failure> {
        let set = tablet.read_set();
        let live = set.iter().filter(|node| !map.is_excluded(**node)).copied();
        let (reports, quorum) = (&self.app.running.reports, quorum_of(set));
        // One that does not answer holds nothing up while a quorum does.
        let gathered = reports.ask_until(live, ask, RANGE_DEADLINE, quorum).await;
        let mut rows = Vec::new();
        let mut stopped_at: Option<Key> = None;
        let mut answered = 0;
        for told in gathered.told.into_values() {
            let Told::Keys(page) = told else { continue };
            answered += 1;
            rows.extend(page.rows);
            if let Some(end) = page.stopped_at {
                stopped_at = Some(stopped_at.map_or(end.clone(), |known| known.min(end)));
            }
        }
        if answered < quorum {
            let silent: Vec<String> = gathered
                .silent
                .iter()
                .map(|it| format!("node {}: {}", it.node, it.why))
                .collect();
            return Err(Failure::unavailable(format!(
                "only {answered} of {} replicas of tablet {id} answered ({}): `tidegate status` says which nodes are \
                 down",
                set.len(),
                silent.join("; ")
            )));
        }
        Ok((rows, stopped_at))
    }

    async fn values(&self, keys: Vec<Bytes>) -> Result<Vec<api::ScannedRow>, Failure> {
        let read = self.app.running.client.read_many(self.table, keys.clone()).await;
        let mut rows = Vec::new();
        for (key, value) in keys.into_iter().zip(read) {
            let value = value.map_err(|error| read_failed(self.name, &error))?;
            rows.extend(value.map(|value| api::ScannedRow {
                key: Key(key).to_base64(),
                value: Key(value).to_base64(),
            }));
        }
        Ok(rows)
    }
}

impl Place {
    fn write(&self) -> String {
        let mut bytes = self.token.0.to_be_bytes().to_vec();
        bytes.extend_from_slice(self.key.as_deref().unwrap_or_default());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn read(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (token, key) = bytes.split_at_checked(8)?;
        Some(Self {
            token: Token(u64::from_be_bytes(token.try_into().ok()?)),
            // No key is empty.
            key: (!key.is_empty()).then(|| Bytes::copy_from_slice(key)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_as_it_was() {
        for key in [
            None,
            Some(Bytes::from_static(b"a")),
            Some(Bytes::from_static(b"\xff\x00/")),
        ] {
            let place = Place {
                token: Token(0x8000_0000_0000_0001),
                key,
            };
            assert_eq!(Place::read(&place.write()), Some(place));
        }
        for bad in ["", "short", "no base64!", "AAAA"] {
            assert_eq!(Place::read(bad), None, "{bad:?}");
        }
    }
}
