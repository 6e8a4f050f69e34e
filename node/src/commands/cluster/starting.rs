//! Nodes that were started a moment ago, and do not answer yet.

use std::io::{self, Write as _};
use std::thread;
use std::time::{Duration, Instant};

use super::Failure;
use crate::api::Status;
use crate::client::{Client, ClientError, Connection, Route};

/// A node opens its log and its rows before it answers.
const PATIENCE: Duration = Duration::from_secs(30);
const TRY: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(100);

/// Waits until each of them answers, for half a minute in all. Whoever does not answer even then is left to what comes
/// next, which says what is wrong: it may be reached by the others, and not from here.
pub(super) fn await_answers<'a>(
    connection: &Connection,
    admins: impl IntoIterator<Item = &'a str>,
) -> Result<(), Failure> {
    let until = Instant::now() + PATIENCE;
    for admin in admins {
        let client = Client::new(&connection.at(admin))?.within(TRY);
        let mut has_told = false;
        while let Err(ClientError::NoAnswer { url, .. }) = client.read::<Status>(&Route::v1().at("status")) {
            if Instant::now() >= until {
                break;
            }
            if !has_told {
                // Where nobody reads it, there is nobody to tell.
                let _ = writeln!(io::stderr(), "waiting for {url} to answer");
                has_told = true;
            }
            thread::sleep(PAUSE);
        }
    }
    Ok(())
}
