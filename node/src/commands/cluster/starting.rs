//! Nodes that were started a moment ago, and do not answer yet; and that became members, and do not serve yet.

#[cfg(test)]
mod tests;

use std::io::{self, Write as _};
use std::thread;
use std::time::{Duration, Instant};

use super::Failure;
use crate::api::Status;
use crate::client::{Client, ClientError, Connection, Route};

/// A node opens its log and its rows before it answers, and reads the metadata before it serves.
const PATIENCE: Duration = Duration::from_secs(30);
const TRY: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);

/// Waits until each of them answers, for half a minute in all. Whoever does not answer even then is left to what comes
/// next, which says what is wrong: it may be reached by the others, and not from here.
pub(super) fn await_answers<'a>(
    connection: &Connection,
    admins: impl IntoIterator<Item = &'a str>,
) -> Result<(), Failure> {
    await_all(connection, admins, "to answer", |client| {
        let asked = client.read::<Status>(&Route::v1().at("status"));
        !matches!(asked, Err(ClientError::NoAnswer { .. }))
    })
}

/// Waits until each of them serves, for half a minute in all: a row that is written before is on the other replicas alone.
/// One that cannot be asked from here is not waited for.
pub(super) fn await_service<'a>(
    connection: &Connection,
    admins: impl IntoIterator<Item = &'a str>,
) -> Result<(), Failure> {
    await_all(connection, admins, "to serve", |client| {
        let asked = client.read_bytes(&Route::readyz());
        !matches!(asked, Err(ClientError::Refused { .. }))
    })
}

fn await_all<'a>(
    connection: &Connection,
    admins: impl IntoIterator<Item = &'a str>,
    what: &str,
    does: impl Fn(&Client) -> bool,
) -> Result<(), Failure> {
    let until = Instant::now() + PATIENCE;
    for admin in admins {
        let client = Client::new(&connection.at(admin))?.within(TRY);
        let mut has_told = false;
        while !does(&client) && Instant::now() < until {
            if !has_told {
                // Where nobody reads it, there is nobody to tell.
                let _ = writeln!(io::stderr(), "waiting for {admin} {what}");
                has_told = true;
            }
            thread::sleep(PAUSE);
        }
    }
    Ok(())
}
