//! What became of moves.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tidegate_tablets::{MetadataStore as _, TabletId};
use utoipa::IntoParams;

use super::App;
use super::extract::{Asked, InPath};
use super::problem::{Failure, Problems};
use crate::api::{self, JournalEntry, JournalEvent, MoveRecord};
use crate::reports::{Ask, JournalAsk, REPORT_DEADLINE, Told};

/// Moves and lines that are told, unless it is said, and at most.
const LIMIT: u32 = 100;
const LIMIT_MAX: u32 = 1000;

/// How much of the journal.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HowMuch {
    /// Moves, and lines, at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    #[serde(default)]
    limit: Option<u32>,
}

/// The journal of one tablet's moves, in progress and ended, with what every member that answers knows of them.
#[utoipa::path(get, operation_id = "journal_of_tablet", path = "/v1/moves/{tablet}/journal", tag = "moves", params(("tablet" = u64, Path, description = "The tablet's number"), HowMuch), responses((status = 200, description = "The journal", body = api::Journal), Problems))]
pub(super) async fn of_tablet(
    State(app): State<App>,
    InPath(tablet): InPath<u64>,
    Asked(asked): Asked<HowMuch>,
) -> Result<Json<api::Journal>, Failure> {
    let journal = gather(&app, Some(tablet), &asked).await?;
    let known = app
        .running
        .raft
        .snapshot()
        .tablets
        .contains_key(&TabletId::new(tablet));
    if !known && journal.moves.is_empty() {
        return Err(Failure::unknown_tablet(tablet));
    }
    Ok(Json(journal))
}

/// The journal of all moves, with what every member that answers knows of them.
#[utoipa::path(get, operation_id = "journal_all", path = "/v1/journal", tag = "moves", params(HowMuch), responses((status = 200, description = "The journal", body = api::Journal), Problems))]
pub(super) async fn all(
    State(app): State<App>,
    Asked(asked): Asked<HowMuch>,
) -> Result<Json<api::Journal>, Failure> {
    Ok(Json(gather(&app, None, &asked).await?))
}

async fn gather(app: &App, tablet: Option<u64>, asked: &HowMuch) -> Result<api::Journal, Failure> {
    let limit = asked.limit.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Failure::senseless(format!("`limit` is 1 to {LIMIT_MAX}")));
    }
    let reports = &app.running.reports;
    let ask = JournalAsk { tablet, limit };
    let mut journal = reports.journal().told(ask);
    let gathered = reports.ask_members(&Ask::Journal(ask), REPORT_DEADLINE).await;
    for told in gathered.told.into_values() {
        if let Told::Journal(other) = told
            && other.node != journal.node
        {
            merge(&mut journal, *other);
        }
    }
    journal
        .moves
        .sort_by_key(|it| (std::cmp::Reverse(it.at_ms), it.tablet));
    journal.moves.truncate(limit as usize);
    journal.entries.sort_by_key(|it| (it.at_ms, it.tablet));
    let surplus = journal.entries.len().saturating_sub(limit as usize);
    journal.entries.drain(..surplus);
    journal.silent = gathered.silent;
    Ok(journal)
}

/// Takes in what another node knows: moves that this one did not see, and what only coordinators know.
fn merge(into: &mut api::Journal, other: api::Journal) {
    let names = |record: &MoveRecord| (record.tablet, record.begun);
    let mut known: BTreeMap<(u64, u64), usize> = BTreeMap::new();
    for (at, record) in into.moves.iter().enumerate() {
        known.insert(names(record), at);
    }
    for record in other.moves {
        match known.get(&names(&record)).copied() {
            Some(at) => {
                let mine = &mut into.moves[at];
                mine.retries = mine.retries.max(record.retries);
                mine.last_error = mine.last_error.take().or(record.last_error);
                mine.went_back = mine.went_back.take().or(record.went_back);
                if mine.stages.len() < record.stages.len() {
                    mine.stages = record.stages;
                }
            }
            None => into.moves.push(record),
        }
    }
    let mine = into.entries.iter().map(|entry| (entry.tablet, entry.begun));
    let mine: std::collections::BTreeSet<(u64, u64)> = mine.collect();
    let only_theirs = |entry: &JournalEntry| {
        let told_by_coordinators = matches!(
            entry.what,
            JournalEvent::Retry { .. } | JournalEvent::GoesBack { .. }
        );
        let same = |known: &JournalEntry| {
            (known.tablet, known.begun) == (entry.tablet, entry.begun) && known.what == entry.what
        };
        if told_by_coordinators {
            !into.entries.iter().any(same)
        } else {
            !mine.contains(&(entry.tablet, entry.begun))
        }
    };
    let new: Vec<JournalEntry> = other
        .entries
        .into_iter()
        .filter(|entry| only_theirs(entry))
        .collect();
    into.entries.extend(new);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Kind, MoveOutcome, Reason, Stage};

    fn journal(node: u64, went_back: Option<&str>, what: Vec<JournalEvent>) -> api::Journal {
        let record = MoveRecord {
            tablet: 1,
            begun: 2,
            kind: Kind::Migration,
            reason: Reason::Operator,
            leaving: Some(1),
            pending: Some(4),
            at_ms: 5,
            took_ms: None,
            outcome: MoveOutcome::WentBack,
            stages: Vec::new(),
            retries: u64::from(went_back.is_some()),
            last_error: None,
            went_back: went_back.map(str::to_owned),
            stages_dropped: 0,
        };
        let entry = |what| JournalEntry {
            at_ms: 5,
            tablet: 1,
            begun: 2,
            what,
        };
        api::Journal {
            node,
            since_ms: 0,
            moves: vec![record],
            entries: what.into_iter().map(entry).collect(),
            silent: Vec::new(),
        }
    }

    #[test]
    fn what_only_the_coordinators_node_knows_comes_into_the_journal_of_the_one_that_answers() {
        let entered = JournalEvent::Stage {
            stage: Stage::Streaming,
        };
        let back = JournalEvent::GoesBack {
            why: "full".to_owned(),
        };
        let mut mine = journal(1, None, vec![entered.clone()]);
        for _ in 0..2 {
            merge(
                &mut mine,
                journal(2, Some("full"), vec![entered.clone(), back.clone()]),
            );
        }
        assert_eq!((mine.moves.len(), mine.moves[0].retries), (1, 1));
        assert_eq!(mine.moves[0].went_back.as_deref(), Some("full"));
        assert_eq!(mine.entries.len(), 2, "each line once");
    }
}
