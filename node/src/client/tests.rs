//! Against a server that answers what a test wants.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};

use super::*;
use crate::api::problem_type;
use crate::commands::Exit;

/// What a server heard.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) line: String,
    pub(crate) headers: Vec<String>,
    pub(crate) body: Vec<u8>,
}

/// What a server does with one request.
#[derive(Debug, Clone)]
pub(crate) enum Does {
    /// Answers: status, content type, body.
    Answer(u16, &'static str, String),
    /// Breaks the connection off.
    BreakOff,
    /// Says nothing until the client goes away.
    SayNothing,
}

/// A server that does one thing per connection and request, in this order, and tells what it heard.
pub(crate) fn server(script: Vec<Does>) -> (String, JoinHandle<Vec<Heard>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("has an address"));
    let thread = thread::spawn(move || {
        script
            .into_iter()
            .map(|does| {
                let (stream, _) = listener.accept().expect("a client comes");
                serve(stream, &does)
            })
            .collect()
    });
    (url, thread)
}

fn serve(mut stream: TcpStream, does: &Does) -> Heard {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let mut heard = Heard::default();
    reader.read_line(&mut heard.line).expect("a request");
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a header");
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a number");
        }
        heard.headers.push(line);
    }
    heard.body = vec![0; length];
    reader.read_exact(&mut heard.body).expect("the body");
    match does {
        Does::Answer(status, kind, body) => {
            let answer = format!(
                "HTTP/1.1 {status} x\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).expect("takes the answer");
        }
        Does::BreakOff => {}
        Does::SayNothing => {
            // Ends when the client has given up.
            let _ = reader.read(&mut [0]);
        }
    }
    heard
}

pub(crate) fn connection(admin: &str) -> Connection {
    Connection {
        admin: Some(admin.to_owned()),
        token_file: None,
        ca: None,
        timeout: 20,
    }
}

fn client(admin: &str) -> Client {
    Client::new(&connection(admin)).expect("makes sense")
}

fn problem(status: u16, kind: &str, detail: &str) -> Does {
    let body = json!({ "type": kind, "title": "No", "status": status, "detail": detail });
    Does::Answer(status, "application/problem+json", body.to_string())
}

fn read_from(does: Does) -> Result<Value, ClientError> {
    let (url, server) = server(vec![does]);
    let answer = client(&url).read(&Route::v1().at("status"));
    server.join().expect("ends");
    answer
}

fn change_at(does: Does) -> Result<Value, ClientError> {
    let (url, server) = server(vec![does]);
    let answer = client(&url).within(Duration::from_millis(300)).change(
        &Method::POST,
        &Route::v1().at("tables"),
        &json!({ "name": "t" }),
    );
    server.join().expect("ends");
    answer
}

#[test]
fn an_answer_is_read_and_the_token_goes_along() {
    let (url, server) = server(vec![Does::Answer(200, JSON, "{\"a\":1}".to_owned())]);
    let directory = tempfile::tempdir().expect("a directory");
    let token = directory.path().join("token");
    std::fs::write(&token, "secret\n").expect("writes");
    let connection = Connection {
        token_file: Some(token),
        ..connection(&format!("{url}/"))
    };
    let client = Client::new(&connection).expect("makes sense");
    let answer: Value = client
        .change(&Method::PUT, &Route::v1().at("balancing"), &json!({ "on": true }))
        .expect("an answer");
    assert_eq!(answer, json!({ "a": 1 }));
    let heard = server.join().expect("ends").remove(0);
    assert_eq!(heard.line.trim(), "PUT /v1/balancing HTTP/1.1");
    assert!(heard.headers.contains(&"authorization: bearer secret".to_owned()));
    assert!(
        heard
            .headers
            .contains(&"content-type: application/json".to_owned())
    );
    assert_eq!(heard.body, b"{\"on\":true}");
}

#[test]
fn a_problem_is_told_with_its_detail() {
    let error = read_from(problem(
        409,
        "/problems/conflict",
        "tablet 7 moves: wait, or cancel it",
    ))
    .expect_err("is refused");
    assert_eq!(error.to_string(), "No: tablet 7 moves: wait, or cancel it");
    assert_eq!(error.exit(), Exit::Wrong);
    assert!(error.advice().is_none(), "the detail says what to do");
}

#[test]
fn what_is_no_problem_document_is_shown_as_it_is() {
    let error =
        read_from(Does::Answer(502, "text/html", "<h1>bad gateway</h1>".to_owned())).expect_err("is refused");
    assert_eq!(error.to_string(), "<h1>bad gateway</h1>");
    let error = read_from(Does::Answer(401, "text/plain", String::new())).expect_err("is refused");
    assert_eq!(error.to_string(), "the node answers 401");
    assert!(
        error
            .advice()
            .is_some_and(|advice| advice.contains("--token-file"))
    );
    let error = read_from(Does::Answer(200, "text/html", "<h1>hello</h1>".to_owned())).expect_err("no JSON");
    assert!(matches!(error, ClientError::Garbled { .. }), "{error}");
    assert_eq!(error.exit(), Exit::Wrong);
}

#[test]
fn who_is_not_there_does_not_answer() {
    let gone = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        format!("http://{}", listener.local_addr().expect("has an address"))
    };
    let error = client(&gone)
        .change::<Value>(&Method::POST, &Route::v1().at("tables"), &json!({}))
        .expect_err("nobody");
    // It was never sent.
    assert!(matches!(error, ClientError::NoAnswer { .. }), "{error}");
    assert_eq!(error.exit(), Exit::NoAnswer);
}

#[test]
fn a_reading_that_breaks_off_has_no_answer() {
    let error = read_from(Does::BreakOff).expect_err("breaks off");
    assert_eq!(error.exit(), Exit::NoAnswer);
}

#[test]
fn a_change_without_an_answer_has_an_unknown_outcome() {
    for does in [
        Does::BreakOff,
        Does::SayNothing,
        problem(
            504,
            "https://tidegate/problems/outcome-unknown",
            "the leader was lost",
        ),
    ] {
        let error = change_at(does.clone()).expect_err("no answer");
        assert_eq!(error.exit(), Exit::OutcomeUnknown, "{does:?}: {error}");
        assert!(error.is_passing());
    }
    let late = change_at(problem(504, "/problems/late", "nobody leads")).expect_err("is refused");
    assert_eq!(late.exit(), Exit::Wrong);
}

#[test]
fn addresses_that_make_no_sense_are_refused() {
    for (admin, why) in [
        ("127.0.0.1:7480", "it is no URL"),
        ("n1", "it does not begin with http:// or https://"),
        ("ftp://n1", "only http and https are spoken"),
        ("http://n1/v1/status", "it has a path"),
    ] {
        let error = Client::new(&connection(admin)).expect_err("makes no sense");
        let said = error.to_string();
        assert_eq!(error.exit(), Exit::BadArguments, "{admin}");
        assert!(said.contains("is no address of an admin API"), "{said}");
        let _ = why;
    }
}

#[test]
fn https_wants_an_authority() {
    let error = Client::new(&connection("https://n1:7480")).expect_err("whom to believe?");
    assert_eq!(error.exit(), Exit::BadArguments);
    assert!(error.advice().is_some_and(|advice| advice.contains("--ca")));
    let directory = tempfile::tempdir().expect("a directory");
    let ca = directory.path().join("ca.pem");
    std::fs::write(&ca, "no certificate").expect("writes");
    let bad = Connection {
        ca: Some(ca),
        ..connection("https://n1:7480")
    };
    let error = Client::new(&bad).expect_err("no authority");
    assert!(error.to_string().contains("names no authority"), "{error}");
}

#[test]
fn a_change_that_somebody_in_between_lost_has_an_unknown_outcome() {
    let html = |status| Does::Answer(status, "text/html", "<h1>no</h1>".to_owned());
    let panicked = problem(500, problem_type::INTERNAL, "a fault of the program");
    let garbled = Does::Answer(200, "text/html", "<h1>hello</h1>".to_owned());
    for does in [html(500), html(502), html(504), panicked, garbled] {
        let error = change_at(does.clone()).expect_err("no answer that helps");
        assert_eq!(error.exit(), Exit::OutcomeUnknown, "{does:?}: {error}");
    }
    // Nobody was asked.
    let error = change_at(html(503)).expect_err("is refused");
    assert_eq!(error.exit(), Exit::Wrong);
    let error = read_from(html(502)).expect_err("is refused");
    assert_eq!(error.exit(), Exit::Wrong);
}

#[test]
fn a_dry_run_without_an_answer_has_changed_nothing() {
    for (dry_run, exit) in [(true, Exit::NoAnswer), (false, Exit::OutcomeUnknown)] {
        let (url, server) = server(vec![Does::SayNothing]);
        let client = client(&url).within(Duration::from_millis(300));
        let route = Route::v1().at("tablets").at(7).at("move");
        let answer = client.act::<Value>(&route, &json!({ "to": 4, "dry_run": dry_run }), dry_run);
        assert_eq!(answer.expect_err("no answer").exit(), exit);
        server.join().expect("ends");
    }
}

#[test]
fn a_token_goes_to_another_machine_by_https_only() {
    let directory = tempfile::tempdir().expect("a directory");
    let token = directory.path().join("token");
    std::fs::write(&token, "secret\n").expect("writes");
    let with_token = |admin: &str| {
        Client::new(&Connection {
            token_file: Some(token.clone()),
            ..connection(admin)
        })
    };
    for here in ["http://localhost:7480", "http://127.0.0.2:1", "http://[::1]:7480"] {
        assert!(with_token(here).is_ok(), "{here}");
    }
    for elsewhere in [
        "http://10.0.0.1:7480",
        "http://db-1.example:7480",
        "http://localhost.example",
        "http://[fe80::1]:7480",
    ] {
        let error = with_token(elsewhere).expect_err("is refused");
        assert!(error.to_string().contains("by https only"), "{error}");
        assert_eq!(error.exit(), Exit::BadArguments);
        assert!(Client::new(&connection(elsewhere)).is_ok(), "without a token");
    }
}
