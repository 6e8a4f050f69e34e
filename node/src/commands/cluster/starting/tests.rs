//! Against a server that is not ready at first.

use super::*;
use crate::client::tests::{Does, connection, server};

fn answer(status: u16) -> Does {
    Does::Answer(status, "text/plain", String::new())
}

#[test]
fn who_does_not_serve_yet_is_asked_again() {
    let (url, asked) = server(vec![answer(503), answer(503), answer(200)]);
    await_service(&connection(&url), [url.as_str()]).expect("waits");
    let asked = asked.join().expect("was asked");
    assert_eq!(asked.len(), 3);
    assert!(
        asked.iter().all(|heard| heard.line.starts_with("GET /readyz ")),
        "{asked:?}"
    );
}

#[test]
fn who_cannot_be_asked_from_here_is_not_waited_for() {
    let (url, asked) = server(vec![Does::BreakOff]);
    await_service(&connection(&url), [url.as_str()]).expect("goes on");
    assert_eq!(asked.join().expect("was asked").len(), 1);
}
