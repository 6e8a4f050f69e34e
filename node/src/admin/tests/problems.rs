//! What is no valid request is a problem that says so, on a node that belongs to no cluster too.

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderName, Method, Request};
use serde_json::json;
use tidegate_coordinator::OperatorError;
use tidegate_raft::MembershipError;
use tidegate_tablets::StoreStopped;

use super::rig::{Place, Served};
use crate::admin::cluster::told;
use crate::admin::problem::Failure;
use crate::api::{Problem, problem_type};
use crate::running::ClusterError;

fn request(
    method: Method,
    path: &str,
    headers: &[(HeaderName, &str)],
    body: impl Into<Body>,
) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    request.body(body.into()).expect("a request")
}

const JSON: (HeaderName, &str) = (CONTENT_TYPE, "application/json");

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_are_problems_of_their_kind() {
    let place = Place::new();
    let node = place.start(1).await;
    let post = |path: &str, body: &str| request(Method::POST, path, &[JSON], body.to_owned());

    node.get("/v2/status").await.expect_problem(404, "not-found");
    node.get("/v1").await.expect_problem(404, "not-found");
    let answer = node.ask(Method::DELETE, "/v1/status", None).await;
    answer.expect_problem(405, "method-not-allowed");
    assert_eq!(answer.allow.as_deref(), Some("GET, HEAD"));
    let answer = node.ask(Method::PATCH, "/v1/tables/t/rows/k", None).await;
    answer.expect_problem(405, "method-not-allowed");
    assert_eq!(answer.allow.as_deref(), Some("GET, HEAD, PUT, DELETE"));

    node.get("/v1/tablets/seven")
        .await
        .expect_problem(400, "bad-request");
    node.get("/v1/tablets/-1")
        .await
        .expect_problem(400, "bad-request");
    node.get("/v1/tablets/99999999999999999999")
        .await
        .expect_problem(400, "bad-request");
    node.get("/v1/tables/%FF/tablets")
        .await
        .expect_problem(400, "bad-request");
    node.get("/v1/journal?limit=many")
        .await
        .expect_problem(400, "bad-request");
    node.get("/v1/journal?limt=5")
        .await
        .expect_problem(400, "bad-request");
    node.get("/v1/journal?limit=0")
        .await
        .expect_problem(422, "bad-request");

    let moves = "/v1/tablets/0/move";
    node.send(post(moves, "{"))
        .await
        .expect_problem(400, "bad-request");
    node.send(post(moves, "{}"))
        .await
        .expect_problem(422, "bad-request");
    node.send(post(moves, r#"{"to": "4"}"#))
        .await
        .expect_problem(422, "bad-request");
    node.send(post(moves, r#"{"to": 4, "form": 1}"#))
        .await
        .expect_problem(422, "bad-request");
    let plain = request(
        Method::POST,
        moves,
        &[(CONTENT_TYPE, "text/plain")],
        r#"{"to": 4}"#,
    );
    node.send(plain)
        .await
        .expect_problem(415, "unsupported-media-type");
    let long = request(Method::POST, moves, &[JSON], vec![b' '; (16 << 20) + 1]);
    node.send(long).await.expect_problem(413, "body-too-large");
    let long = request(
        Method::POST,
        "/v1/nodes/1/drain",
        &[JSON],
        vec![b' '; (16 << 20) + 1],
    );
    node.send(long).await.expect_problem(413, "body-too-large");

    node.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_a_cluster_says_so_and_what_to_do() {
    let place = Place::new();
    let node = place.start(1).await;
    node.get("/healthz")
        .await
        .status
        .is_success()
        .then_some(())
        .expect("it lives");
    node.get("/readyz").await.expect_problem(503, "unavailable");
    let status = node.get("/v1/status").await.expect(200);
    assert_eq!(
        (&status["founded"], &status["healthy"]),
        (&json!(false), &json!(false))
    );
    assert!(
        status["findings"][0]["do"]
            .as_str()
            .is_some_and(|remedy| remedy.contains("tidegate init"))
    );
    for path in [
        "/v1/nodes",
        "/v1/tables",
        "/v1/moves",
        "/v1/sessions",
        "/v1/barriers",
        "/v1/balancing",
    ] {
        node.get(path).await.expect(200);
    }
    for (path, body) in [
        ("/v1/tables", json!({"name": "t", "tablets": 1, "replicas": 1})),
        ("/v1/tablets/0/move", json!({"to": 2})),
        ("/v1/tablets/0/cancel", json!({})),
        ("/v1/nodes/1/exclude", json!({})),
        ("/v1/tables/t/verify", json!({})),
    ] {
        node.post(path, body).await.expect_problem(409, "no-cluster");
    }
    node.get("/v1/tables/t/rows/k")
        .await
        .expect_problem(404, "unknown-table");
    node.get("/v1/tables/t/rows")
        .await
        .expect_problem(404, "unknown-table");
    let init = "/v1/cluster/init";
    node.post(init, json!({"nodes": []}))
        .await
        .expect_problem(422, "bad-request");
    let named = |id, transport| json!({"id": id, "transport": transport, "admin": "http://127.0.0.1:1"});
    let bad = json!({"nodes": [named(1, "nowhere")]});
    node.post(init, bad).await.expect_problem(422, "bad-request");
    let other = json!({"nodes": [named(2, "127.0.0.1:9")]});
    node.post(init, other).await.expect_problem(422, "bad-request");
    let twice = json!({"nodes": [named(1, "127.0.0.1:9"), named(1, "127.0.0.1:9")]});
    node.post(init, twice).await.expect_problem(422, "bad-request");
    node.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_no_page_of_a_website_may_ask_and_with_one_only_who_shows_it() {
    const TOKEN: &str = "0123456789abcdef0123456789abcdef";
    let place = Place::new();
    let node = place.start(1).await;
    let get = |headers: &[(HeaderName, &str)]| request(Method::GET, "/v1/status", headers, "");
    for ours in [&[][..], &[(HOST, "127.0.0.1:7480")], &[(HOST, "localhost:7480")]] {
        node.send(get(ours)).await.expect(200);
    }
    for theirs in [
        (ORIGIN, "https://evil.example"),
        (HOST, "evil.example:7480"),
        (ORIGIN, "null"),
    ] {
        node.send(get(&[theirs]))
            .await
            .expect_problem(403, "unauthorized");
    }

    let guarded = Served::new(std::sync::Arc::clone(&node.running), Some(TOKEN));
    let shown = format!("Bearer {TOKEN}");
    guarded
        .send(get(&[(AUTHORIZATION, &shown), (HOST, "node-1.example")]))
        .await
        .expect(200);
    let basic = format!("Basic {TOKEN}");
    let longer = format!("Bearer {TOKEN}0");
    for wrong in [
        &[][..],
        &[(AUTHORIZATION, "Bearer")],
        &[(AUTHORIZATION, &basic)],
        &[(AUTHORIZATION, &longer)],
    ] {
        guarded.send(get(wrong)).await.expect_problem(401, "unauthorized");
    }
    guarded
        .get("/openapi.json")
        .await
        .expect_problem(401, "unauthorized");
    guarded.get("/nowhere").await.expect_problem(401, "unauthorized");
    assert!(guarded.get("/healthz").await.status.is_success());
    node.running.stop().await;
}

#[test]
fn a_store_that_stops_in_the_middle_of_a_change_leaves_its_outcome_unknown() {
    let operator = OperatorError::Stopped(StoreStopped);
    for failure in [
        Failure::from(operator.clone()),
        told(&ClusterError::Operator(operator)),
        told(&ClusterError::Membership(MembershipError::Stopped(StoreStopped))),
    ] {
        let problem = Problem::from(failure);
        let said = (problem.status, problem.kind.as_str());
        assert_eq!(said, (504, problem_type::OUTCOME_UNKNOWN), "{}", problem.detail);
    }
}
