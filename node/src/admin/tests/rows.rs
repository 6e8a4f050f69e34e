//! Rows over the API.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tidegate_tablets::{MetadataStore as _, TabletId};
use tokio::time::timeout;

use super::rig::{Place, stop_all};

fn put(path: &str, value: &'static [u8]) -> Request<Body> {
    Request::builder()
        .method(Method::PUT)
        .uri(path)
        .body(Body::from(value))
        .expect("a request")
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_written_read_deleted_and_scanned() {
    let place = Place::new();
    let nodes = place.found().await;
    let node = &nodes[0];
    node.post("/v1/tables", json!({"name": "t", "tablets": 4, "replicas": 3}))
        .await
        .expect(201);
    node.until("the table is known", "/v1/tables/t/rows", |it| it.status == 200)
        .await;
    let odd = "/v1/tables/t/rows/%FF%2F%00";
    node.get(odd).await.expect_problem(404, "unknown-key");
    node.send(put(odd, b"\x00\x01")).await.expect(200);
    let read = node.get(odd).await;
    assert_eq!((read.status.as_u16(), &read.body[..]), (200, &b"\x00\x01"[..]));
    node.ask(Method::DELETE, odd, None).await.expect(200);
    node.get(odd).await.expect_problem(404, "unknown-key");
    let long = format!("/v1/tables/t/rows/{}", "k".repeat(4097));
    node.get(&long).await.expect_problem(422, "bad-request");
    node.send(put(&long, b"v"))
        .await
        .expect_problem(422, "bad-request");

    let lines: String = (0..500)
        .map(|at| {
            json!({"key": STANDARD.encode(format!("k{at:03}")), "value": STANDARD.encode("v")}).to_string()
                + "\n"
        })
        .collect();
    let load = |body: String, media_type| {
        let request = Request::builder().method(Method::POST).uri("/v1/tables/t/rows");
        request
            .header(CONTENT_TYPE, media_type)
            .body(Body::from(body))
            .expect("a request")
    };
    let loaded = node.send(load(lines, "application/x-ndjson")).await.expect(200);
    assert_eq!(loaded["written"], 500);
    node.send(load("{".to_owned(), "application/json"))
        .await
        .expect_problem(400, "bad-request");
    node.send(load("[]".to_owned(), "text/csv"))
        .await
        .expect_problem(415, "unsupported-media-type");
    let bad = json!({"rows": [{"key": "no base64!", "value": null}]}).to_string();
    node.send(load(bad, "application/json"))
        .await
        .expect_problem(422, "bad-request");
    for key in [String::new(), STANDARD.encode("k".repeat(4097))] {
        let bad = json!({"rows": [{"key": key}]}).to_string();
        node.send(load(bad, "application/json"))
            .await
            .expect_problem(422, "bad-request");
    }
    // One row fails by itself: with its key it is a little too long.
    let long = STANDARD.encode(vec![0; 960 << 10]);
    let rows =
        json!({"rows": [{"key": STANDARD.encode("k"), "value": long}, {"key": STANDARD.encode("k499")}]});
    let loaded = node
        .send(load(rows.to_string(), "application/json"))
        .await
        .expect(200);
    assert_eq!((&loaded["written"], &loaded["failed"]), (&json!(1), &json!(1)));
    assert_eq!(
        (&loaded["failures"][0]["at"], &loaded["outcome_unknown"]),
        (&json!(0), &json!(0))
    );

    let (mut keys, mut pages, mut after) = (Vec::new(), 0, String::new());
    loop {
        let page = node
            .get(&format!("/v1/tables/t/rows?limit=70{after}"))
            .await
            .expect(200);
        let rows = page["rows"].as_array().expect("rows");
        assert!(rows.len() <= 70);
        keys.extend(
            rows.iter()
                .map(|row| row["key"].as_str().expect("a key").to_owned()),
        );
        pages += 1;
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert!(pages >= 7);
    keys.sort();
    let mut wanted: Vec<String> = (0..499).map(|at| STANDARD.encode(format!("k{at:03}"))).collect();
    wanted.sort();
    assert_eq!(keys, wanted, "each row once, and not the one that was deleted");
    for bad in ["limit=0", "limit=10001", "after=x"] {
        node.get(&format!("/v1/tables/t/rows?{bad}"))
            .await
            .expect_problem(422, "bad-request");
    }
    stop_all(nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_does_not_wait_for_a_replica_that_is_silent() {
    const ROWS: usize = 2000;
    let place = Place::new();
    let nodes = place.found().await;
    let node = &nodes[0];
    let asked = json!({"name": "t", "tablets": 1, "replicas": 3});
    let created = node.post("/v1/tables", asked).await.expect(201);
    node.until("the table is known", "/v1/tables/t/rows", |it| it.status == 200)
        .await;
    let rows: Vec<_> = (0..ROWS)
        .map(|at| json!({"key": STANDARD.encode(format!("k{at:04}")), "value": STANDARD.encode("v")}))
        .collect();
    let loaded = node.post("/v1/tables/t/rows", json!({"rows": rows})).await;
    assert_eq!(loaded.expect(200)["written"], ROWS);

    let tablet = TabletId::new(created["tablets"][0].as_u64().expect("a number"));
    let replicas = node.running.raft.snapshot().tablets[&tablet].replicas.clone();
    let silent = replicas.last().expect("a replica").as_u64() as usize;
    let readers = nodes[silent - 1].running.reports.readers();
    let kept = readers.acquire_many(readers.available_permits() as u32).await;
    // It would say after half of ten seconds that it cannot, sixteen times on this page.
    let page = node.get("/v1/tables/t/rows?limit=1000");
    let page = timeout(Duration::from_secs(5), page).await.expect("in time");
    assert_eq!(page.expect(200)["rows"].as_array().map(Vec::len), Some(1000));
    drop(kept);
    stop_all(nodes).await;
}
