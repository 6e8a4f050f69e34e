//! Against a server that is not ready at first.

use super::*;
use crate::client::tests::{Does, connection, server};

fn answer(status: u16) -> Does {
    Does::Answer(status, "text/plain", String::new())
}

#[test]
fn who_does_not_serve_yet_is_asked_again_also_if_it_is_too_busy_to_say_so() {
    let (url, asked) = server(vec![answer(503), Does::BreakOff, answer(503), answer(200)]);
    let ended = await_service(&connection(&url), vec![url.as_str()]).expect("waits");
    assert_eq!(ended, Exit::Done);
    let asked = asked.join().expect("was asked");
    assert_eq!(asked.len(), 4);
    assert!(
        asked.iter().all(|heard| heard.line.starts_with("GET /readyz ")),
        "{asked:?}"
    );
}

#[test]
fn who_never_serves_is_told() {
    let (url, asked) = server(vec![answer(503)]);
    let ended = await_service_for(&connection(&url), vec![url.as_str()], Duration::ZERO).expect("goes on");
    assert_eq!(ended, Exit::Wrong);
    assert_eq!(asked.join().expect("was asked").len(), 1);
}

#[test]
fn what_is_no_node_is_not_waited_for() {
    let (url, asked) = server(vec![answer(404)]);
    let ended = await_service(&connection(&url), vec![url.as_str()]).expect("goes on");
    assert_eq!(ended, Exit::Done);
    assert_eq!(asked.join().expect("was asked").len(), 1);
}
