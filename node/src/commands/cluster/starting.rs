//! Nodes that were started a moment ago, and do not answer yet; and that became members, and do not serve yet.

#[cfg(test)]
mod tests;

use std::thread;
use std::time::{Duration, Instant};

use super::{Exit, Failure, note};
use crate::api::Status;
use crate::client::{Client, ClientError, Connection, Route};

/// A node opens its log and its rows before it answers, and reads the metadata before it serves.
const PATIENCE: Duration = Duration::from_secs(30);
const TRY: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);

/// Waits until each of them answers, for half a minute in all; who did. Whoever does not answer even then is left to what
/// comes next, which says what is wrong: it may be reached by the others, and not from here.
pub(super) fn await_answers<'a>(
    connection: &Connection,
    admins: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<&'a str>, Failure> {
    let asked = |client: &Client| match client.read::<Status>(&Route::v1().at("status")) {
        Err(ClientError::NoAnswer { .. }) => Heard::NotYet,
        _ => Heard::Yes,
    };
    Ok(await_all(connection, admins, "to answer", PATIENCE, asked)?.heard)
}

/// Waits until each of them serves, for half a minute in all; says so if one does not: a row that is written before is on
/// the other replicas alone.
///
/// They are those that have answered before. So one that is silent now is busy, and asked again.
pub(super) fn await_service(connection: &Connection, answered: Vec<&str>) -> Result<Exit, Failure> {
    await_service_for(connection, answered, PATIENCE)
}

fn await_service_for(
    connection: &Connection,
    answered: Vec<&str>,
    patience: Duration,
) -> Result<Exit, Failure> {
    let asked = |client: &Client| match client.read_bytes(&Route::readyz()) {
        Err(ClientError::NoAnswer { .. } | ClientError::Refused { status: 503, .. }) => Heard::NotYet,
        _ => Heard::Yes,
    };
    let late = await_all(connection, answered, "to serve", patience, asked)?.late;
    for admin in &late {
        note(&format!(
            "the node at {admin} is a member and does not serve after {} s: its log says why, `tidegate status` what it means",
            patience.as_secs()
        ));
    }
    Ok(if late.is_empty() { Exit::Done } else { Exit::Wrong })
}

/// What a node has said to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    Yes,
    NotYet,
}

/// Who said yes in time, and who did not.
#[derive(Debug)]
struct Answers<'a> {
    heard: Vec<&'a str>,
    late: Vec<&'a str>,
}

fn await_all<'a>(
    connection: &Connection,
    admins: impl IntoIterator<Item = &'a str>,
    what: &str,
    patience: Duration,
    ask: impl Fn(&Client) -> Heard,
) -> Result<Answers<'a>, Failure> {
    let until = Instant::now() + patience;
    let mut answers = Answers {
        heard: Vec::new(),
        late: Vec::new(),
    };
    for admin in admins {
        let client = Client::new(&connection.at(admin))?.within(TRY);
        let mut has_told = false;
        while ask(&client) == Heard::NotYet {
            if Instant::now() >= until {
                answers.late.push(admin);
                break;
            }
            if !has_told {
                note(&format!("waiting for {admin} {what}"));
                has_told = true;
            }
            thread::sleep(PAUSE);
        }
        if answers.late.last() != Some(&admin) {
            answers.heard.push(admin);
        }
    }
    Ok(answers)
}
