//! Writes batches, and tries again what failed.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ureq::http::Method;

use super::{Interrupt, NotWritten, Report, Row, shown};
use crate::api::{LoadRows, RowToWrite, RowsLoaded};
use crate::client::{Client, ClientError, Route};

/// Between two tries: at first, and at most.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Why the loading ends before the input does.
#[derive(Debug)]
pub(super) enum Stop {
    Interrupted,
    /// A request failed for good, or for too long.
    Failed(ClientError),
    /// Rows could not be written for too long, as the node said of each.
    Rows,
}

/// Writes one batch after another: that the last row of a key counts is decided by their order.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    client: &'a Client,
    route: Route,
    patience: Duration,
    interrupt: &'a Interrupt,
    rows: u64,
    bytes: u64,
    retries: u64,
}

impl<'a> Writer<'a> {
    pub(super) fn new(client: &'a Client, table: &str, patience: Duration, interrupt: &'a Interrupt) -> Self {
        Self {
            client,
            route: Route::v1().at("tables").at(table).at("rows"),
            patience,
            interrupt,
            rows: 0,
            bytes: 0,
            retries: 0,
        }
    }

    /// Rows that were written.
    pub(super) const fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes of their keys and values.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Tries beyond the first.
    pub(super) const fn retries(&self) -> u64 {
        self.retries
    }

    /// Writes a batch in which no key comes twice. What was not written is in the report when it stops.
    pub(super) fn write(&mut self, mut rows: Vec<Row>, report: &mut Report) -> Result<(), Stop> {
        let until = Instant::now() + self.patience;
        let mut pause = PAUSE_MIN;
        loop {
            if self.interrupt.is_set() {
                return self.stop(rows, "interrupted", Stop::Interrupted, report);
            }
            let (why, stop) = match self.attempt(&mut rows) {
                Ok(None) => return Ok(()),
                Ok(Some(why)) => (why, Stop::Rows),
                Err(error) => {
                    let why = error.to_string();
                    if !error.is_passing() {
                        return self.stop(rows, &why, Stop::Failed(error), report);
                    }
                    (why, Stop::Failed(error))
                }
            };
            if Instant::now() >= until {
                return self.stop(rows, &why, stop, report);
            }
            self.interrupt.within(pause);
            pause = (pause * 2).min(PAUSE_MAX);
            self.retries += 1;
        }
    }

    /// Tries once; what is left in `rows` was not written. Says what was wrong with a row, if one was not.
    fn attempt(&mut self, rows: &mut Vec<Row>) -> Result<Option<String>, ClientError> {
        let request = LoadRows {
            rows: rows
                .iter()
                .map(|row| RowToWrite {
                    key: STANDARD.encode(&row.key),
                    value: row.value.as_ref().map(|value| STANDARD.encode(value)),
                })
                .collect(),
        };
        let answer: RowsLoaded = match self.client.change(&Method::POST, &self.route, &request) {
            Ok(answer) => answer,
            Err(error) => {
                if matches!(error, ClientError::OutcomeUnknown { .. }) {
                    rows.iter_mut().for_each(|row| row.may_be_written = true);
                }
                return Err(error);
            }
        };
        let mut left = Vec::new();
        let mut why = None;
        // Where not all are named, any of the others may be one of them.
        let all_named = answer.failures.len() as u64 == answer.failed;
        for (at, mut row) in std::mem::take(rows).into_iter().enumerate() {
            let failure = answer.failures.iter().find(|failure| failure.at == at as u64);
            if all_named && failure.is_none() {
                self.rows += 1;
                self.bytes += row.len() as u64;
                continue;
            }
            let is_unknown = failure.map_or(answer.outcome_unknown > 0, |failure| failure.outcome_unknown);
            row.may_be_written |= is_unknown || failure.is_none();
            why = why.or_else(|| failure.map(|failure| failure.error.clone()));
            left.push(row);
        }
        *rows = left;
        Ok((!rows.is_empty()).then(|| why.unwrap_or_else(|| "not written".to_owned())))
    }

    fn stop(&self, rows: Vec<Row>, why: &str, stop: Stop, report: &mut Report) -> Result<(), Stop> {
        for row in rows {
            report.missed(NotWritten {
                line: row.line,
                key: Some(shown(&row.key)),
                outcome_unknown: row.may_be_written,
                error: why.to_owned(),
            });
        }
        Err(stop)
    }
}
