//! How far moves are, where bars cannot be drawn; and how a move that was waited for ended.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::follow::Ended;
use super::*;
use crate::client::Client;
use crate::client::tests::{Does, connection, server};
use crate::commands::tests::moves;

fn read(answer: Value) -> Moves {
    serde_json::from_value(answer).expect("an answer of the API")
}

#[test]
fn a_line_is_said_when_something_is_new() {
    let mut said = BTreeMap::new();
    let mut news = |moves: Value| bars::news(&read(moves), &mut said);
    let title = "tablet 7: 1 -> 4";
    assert_eq!(
        news(moves(0, "streaming")),
        [format!("{title}: streaming, 0 %, 1 try failed")]
    );
    assert!(news(moves(1000, "streaming")).is_empty(), "not ten percent more");
    assert_eq!(
        news(moves(524_288, "streaming")),
        [format!("{title}: streaming, 50 %, 1 try failed")]
    );
    assert_eq!(
        news(moves(1_048_576, "cleanup")),
        [format!("{title}: cleanup, 100 %, 1 try failed")]
    );
    let none = json!({"moves": [], "silent": []});
    assert_eq!(news(none.clone()), ["tablet 7: has ended"]);
    assert!(news(none).is_empty());
}

fn tablet(replicas: &[u64]) -> Does {
    let tablet = json!({
        "id": 7, "table": 1, "table_name": "files", "first_token": "0", "last_token": "f",
        "replicas": replicas, "epoch": 12, "rows": null, "bytes": null, "transition": null,
    });
    Does::Answer(200, "application/json", tablet.to_string())
}

fn followed(script: Vec<Does>) -> Result<Exit, Failure> {
    let (url, server) = server(script);
    let asking = Asking {
        output: crate::commands::Output { json: true },
        connection: connection(&url),
    };
    let client = Client::new(&asking.connection).expect("makes sense");
    let asked: MoveAnswer = serde_json::from_value(json!({
        "tablet": 7, "from": 1, "to": 4, "kind": "migration", "dry_run": false, "begun": 5, "stages": [],
        "carries": null, "seconds_at_least": null, "notes": [],
    }))
    .expect("an answer");
    let interrupt = Interrupt::default();
    let ended = Follow::new(&client, &asking, &interrupt).one(&asked, 5);
    server.join().expect("ends");
    ended
}

#[test]
fn a_move_that_is_waited_for_ends_well_or_not() {
    let down = || Does::Answer(503, "text/plain", "no leader".to_owned());
    let moved = followed(vec![down(), Does::BreakOff, tablet(&[2, 3, 4])]);
    assert_eq!(moved.expect("an end"), Exit::Done);
    let journal = Does::Answer(404, "text/plain", String::new());
    let stayed = followed(vec![tablet(&[1, 2, 3]), journal]);
    assert_eq!(stayed.expect("an end"), Exit::Wrong);
    let gone = followed(vec![Does::Answer(404, "text/plain", "no such tablet".to_owned())]);
    assert_eq!(gone.expect_err("is refused").exit(), Exit::Wrong);
}

#[test]
fn looking_on_does_not_end_between_two_rounds_of_the_balancer() {
    let look = |moves: Value| Does::Answer(200, "application/json", moves.to_string());
    let none = || look(json!({"moves": [], "silent": []}));
    let mut script = vec![look(moves(0, "streaming")), none(), look(moves(0, "streaming"))];
    script.extend((0..10).map(|_| none()));
    let looks = script.len();
    let (url, server) = server(script);
    let asking = Asking {
        output: crate::commands::Output { json: false },
        connection: connection(&url),
    };
    let client = Client::new(&asking.connection).expect("makes sense");
    let interrupt = Interrupt::default();
    let follow = Follow::new(&client, &asking, &interrupt).paced(Duration::ZERO);
    assert_eq!(follow.all().expect("an end"), Exit::Done);
    assert_eq!(server.join().expect("ends").len(), looks);
}

#[test]
fn looking_on_ends_when_somebody_asks() {
    let (url, server) = server(vec![Does::Answer(
        200,
        "application/json",
        moves(0, "streaming").to_string(),
    )]);
    let asking = Asking {
        output: crate::commands::Output { json: false },
        connection: connection(&url),
    };
    let client = Client::new(&asking.connection)
        .expect("makes sense")
        .within(Duration::from_secs(5));
    let interrupt = Interrupt::default();
    interrupt.set();
    let ended = Follow::new(&client, &asking, &interrupt).all();
    assert_eq!(ended.expect("an end"), Exit::Interrupted);
    server.join().expect("ends");
}

#[test]
fn how_it_ended_is_said() {
    let ended = Ended {
        tablet: 7,
        from: 1,
        to: 4,
        begun: 5,
        moved: false,
        replicas: vec![1, 2],
        why: Some("it was cancelled".to_owned()),
    };
    assert_eq!(
        ended.text(),
        "tablet 7 did NOT move, its replicas are on 1, 2: it was cancelled"
    );
}
