//! Moves over the API of a real cluster.

use std::sync::Arc;

use axum::http::Method;
use serde_json::{Value, json};
use tidegate_guard::Unfenced;
use tidegate_kv::{Row, Timestamp};
use tidegate_tablets::{MetadataStore as _, NodeId, TabletId};
use tokio::time::interval;

use super::rig::{PACE, Place, Served, stop_all};
use crate::reports::Key;

const ROWS: usize = 300;

async fn with_rows(nodes: &[Served]) -> Vec<u64> {
    let asked = json!({"name": "files", "tablets": 2, "replicas": 3});
    let created = nodes[1].post("/v1/tables", asked.clone()).await.expect(201);
    nodes[1]
        .post("/v1/tables", asked)
        .await
        .expect_problem(409, "table-exists");
    for node in nodes {
        node.until("the table is known", "/v1/tables/files/tablets", |it| {
            it.status == 200
        })
        .await;
    }
    let base64 = |text: String| Key(text.into_bytes().into()).to_base64();
    let rows: Vec<Value> = (0..ROWS)
        .map(|at| json!({"key": base64(format!("key-{at}")), "value": base64(format!("value-{at}"))}))
        .collect();
    let loaded = nodes[2]
        .post("/v1/tables/files/rows", json!({"rows": rows}))
        .await
        .expect(200);
    assert_eq!((&loaded["written"], &loaded["failed"]), (&json!(ROWS), &json!(0)));
    // What a quorum has acknowledged reaches the last replica a little later.
    let verify = "/v1/tables/files/verify";
    let mut pace = interval(PACE);
    while nodes[0].post(verify, json!({})).await.expect(200)["same"] != true {
        pace.tick().await;
    }
    let tablets = created["tablets"].as_array().expect("tablets");
    tablets.iter().map(|id| id.as_u64().expect("a number")).collect()
}

/// A replica of a tablet, and a node that has none.
async fn from_and_to(node: &Served, tablet: u64) -> (u64, u64) {
    let told = node.get(&format!("/v1/tablets/{tablet}")).await.expect(200);
    let replicas: Vec<u64> = told["replicas"]
        .as_array()
        .expect("nodes")
        .iter()
        .filter_map(Value::as_u64)
        .collect();
    let to = (1..=4)
        .find(|node| !replicas.contains(node))
        .expect("a node without");
    (replicas[0], to)
}

async fn refusals(nodes: &[Served], tablet: u64, from: u64, to: u64) {
    let node = &nodes[0];
    let path = format!("/v1/tablets/{tablet}/move");
    let version = node.running.raft.snapshot().version;
    node.post("/v1/tablets/999/move", json!({"from": from, "to": to}))
        .await
        .expect_problem(404, "unknown-tablet");
    node.post(&path, json!({"from": from, "to": 99}))
        .await
        .expect_problem(404, "unknown-node");
    node.post(&path, json!({"from": 99, "to": to}))
        .await
        .expect_problem(404, "unknown-node");
    node.post(&path, json!({"from": to, "to": from}))
        .await
        .expect_problem(409, "not-replica");
    node.post(&path, json!({"from": from, "to": from}))
        .await
        .expect_problem(409, "already-replica");
    node.post(&path, json!({"to": to}))
        .await
        .expect_problem(422, "bad-request");
    node.post(&format!("/v1/tablets/{tablet}/cancel"), json!({}))
        .await
        .expect_problem(409, "not-in-transition");
    let told = node
        .post(&path, json!({"from": from, "to": to, "dry_run": true}))
        .await
        .expect(200);
    assert_eq!(
        (&told["dry_run"], &told["kind"]),
        (&json!(true), &json!("migration"))
    );
    assert_eq!(told["stages"].as_array().map(Vec::len), Some(7));
    assert!(
        told["carries"]["rows"]
            .as_u64()
            .is_some_and(|rows| rows > 0 && rows < ROWS as u64),
        "{told}"
    );
    assert_eq!(
        node.running.raft.snapshot().version,
        version,
        "nothing was decided"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tablet_moves_over_the_api_and_a_dry_run_changes_nothing() {
    let place = Place::new();
    let nodes = place.found().await;
    let tablets = with_rows(&nodes).await;
    let (from, to) = from_and_to(&nodes[0], tablets[0]).await;
    refusals(&nodes, tablets[0], from, to).await;

    // Any node takes it, whoever leads.
    let path = format!("/v1/tablets/{}/move", tablets[0]);
    let told = nodes[3]
        .post(&path, json!({"from": from, "to": to}))
        .await
        .expect(202);
    assert!(told["begun"].is_u64());
    let journal = format!("/v1/moves/{}/journal", tablets[0]);
    let ended = nodes[0]
        .until("the move ends", &journal, |answer| {
            answer.json()["moves"][0]["outcome"] == "completed"
        })
        .await
        .json();
    assert_eq!(ended["moves"][0]["reason"], "operator");
    assert_eq!(
        (&ended["moves"][0]["leaving"], &ended["moves"][0]["pending"]),
        (&json!(from), &json!(to))
    );
    let lines = ended["entries"].as_array().expect("lines");
    assert_eq!(
        (&lines[0]["event"], &lines[lines.len() - 1]["event"]),
        (&json!("began"), &json!("ended"))
    );
    let now = nodes[0]
        .get(&format!("/v1/tablets/{}", tablets[0]))
        .await
        .expect(200);
    let replicas = now["replicas"].as_array().expect("nodes");
    assert!(replicas.contains(&json!(to)) && !replicas.contains(&json!(from)));
    assert_eq!(nodes[0].get("/v1/moves").await.expect(200)["moves"], json!([]));

    let verified = nodes[1]
        .post("/v1/tables/files/verify", json!({}))
        .await
        .expect(200);
    assert_eq!(
        (&verified["same"], &verified["rows"]),
        (&json!(true), &json!(ROWS)),
        "{verified}"
    );
    stop_all(nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_names_a_row_that_one_replica_does_not_hold() {
    let place = Place::new();
    let nodes = place.found().await;
    let tablets = with_rows(&nodes).await;
    let node = nodes[0].running.raft.snapshot().tablets[&TabletId::new(tablets[1])]
        .replicas
        .first()
        .copied();
    let node = node.expect("a replica");
    let rows = &nodes[node.as_u64() as usize - 1].running.reports.rows();
    let held = rows
        .scan(TabletId::new(tablets[1]), None, 1, 1 << 20)
        .await
        .expect("reads");
    let mut timestamp = held[0].timestamp;
    timestamp.time += 1;
    let planted = Row {
        timestamp,
        value: Some("planted".into()),
        ..held[0].clone()
    };
    let guard = Arc::new(Unfenced);
    rows.write(TabletId::new(tablets[1]), guard, vec![planted])
        .await
        .expect("writes");

    let report = nodes[2]
        .post("/v1/tables/files/verify", json!({}))
        .await
        .expect(200);
    assert_eq!(
        (&report["same"], &report["differences"]),
        (&json!(false), &json!(1)),
        "{report}"
    );
    assert_eq!(
        (&report["below_quorum"], &report["unfinished"]),
        (&json!(1), &json!(0))
    );
    let named = report["named"].as_array().expect("differences");
    assert_eq!(named.len(), 2, "two replicas are behind: {named:?}");
    for difference in named {
        assert_eq!(difference["key"], Key(held[0].key.clone()).to_base64());
        assert_eq!(
            (&difference["what"], &difference["newest_on"]),
            (&json!("older"), &json!(node.as_u64()))
        );
        assert_ne!(difference["node"], json!(node.as_u64()));
    }
    stop_all(nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_comes_to_an_end_where_a_replica_lacks_rows_of_the_first_range() {
    const MANY: usize = 5000;
    const LACKS: usize = 10;
    let place = Place::new();
    let nodes = place.found().await;
    let asked = json!({"name": "many", "tablets": 1, "replicas": 3});
    let created = nodes[0].post("/v1/tables", asked).await.expect(201);
    let tablet = TabletId::new(created["tablets"][0].as_u64().expect("a number"));
    let metadata = nodes[0].running.raft.snapshot();
    let row = |at: usize| Row {
        key: format!("key-{at:05}").into(),
        timestamp: Timestamp {
            time: 7,
            node: 1,
            start: 1,
        },
        value: Some("v".into()),
    };
    for (at, node) in metadata.tablets[&tablet].replicas.iter().enumerate() {
        let lacks = if at == 1 { LACKS } else { 0 };
        let rows = nodes[node.as_u64() as usize - 1].running.reports.rows();
        let held: Vec<Row> = (lacks..MANY).map(row).collect();
        for rows_at_once in held.chunks(500) {
            let guard = Arc::new(Unfenced);
            let written = rows.write(tablet, guard, rows_at_once.to_vec()).await;
            written.expect("writes");
        }
    }
    let report = nodes[0]
        .post("/v1/tables/many/verify", json!({}))
        .await
        .expect(200);
    let told = ["unfinished", "differences", "below_quorum", "rows"].map(|key| report[key].clone());
    assert_eq!(told, [json!(0), json!(LACKS), json!(0), json!(MANY)], "{report}");
    stop_all(nodes).await;
}

/// Node 4 goes for ever.
async fn excluded_nodes_are_named_as_such(nodes: &[Served]) {
    let node = &nodes[0];
    node.ask(Method::POST, "/v1/nodes/4/exclude", None)
        .await
        .expect(200);
    let refused = node
        .ask(Method::PUT, "/v1/throttle", Some(&json!({"node": 4})))
        .await;
    refused.expect_problem(409, "excluded");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cancelled_a_move_is_in_the_journal_of_every_node() {
    let place = Place::new();
    let nodes = place.found().await;
    let tablets = with_rows(&nodes).await;
    let (from, to) = from_and_to(&nodes[0], tablets[0]).await;
    let slow = json!({"send_bytes_per_second": 1024, "receive_bytes_per_second": 1024});
    nodes[0]
        .ask(Method::PUT, "/v1/throttle", Some(&slow))
        .await
        .expect(200);
    let begin = format!("/v1/tablets/{}/move", tablets[0]);
    let told = nodes[0].post(&begin, json!({"from": from, "to": to})).await;
    let begun = told.expect(202)["begun"].clone();
    let cancel = format!("/v1/tablets/{}/cancel", tablets[0]);
    nodes[1].post(&cancel, json!({"begun": begun})).await.expect(200);
    let journal = format!("/v1/moves/{}/journal", tablets[0]);
    let ended = nodes[2].until("the move goes back", &journal, |answer| {
        answer.json()["moves"][0]["outcome"] == "went_back"
    });
    let ended = ended.await.json();
    let why = "an operator cancelled it, asked at node 2";
    assert_eq!(ended["moves"][0]["went_back"], why, "{ended}");
    let entries = ended["entries"].as_array().expect("lines");
    assert!(entries.iter().any(|it| it["why"] == why), "{ended}");
    stop_all(nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_asks_of_nodes_is_looked_at_first() {
    let place = Place::new();
    let nodes = place.found().await;
    let tablets = with_rows(&nodes).await;
    let node = &nodes[0];
    node.post("/v1/nodes/9/drain", json!({}))
        .await
        .expect_problem(404, "unknown-node");
    node.post("/v1/nodes/4/drain", json!({"give_up": true}))
        .await
        .expect_problem(422, "bad-request");
    node.ask(Method::POST, "/v1/nodes/4/drain", None)
        .await
        .expect(200);
    let asked = json!({"from": 1, "to": 4});
    for tablet in tablets {
        let known = node.running.raft.snapshot().tablets[&TabletId::new(tablet)]
            .replicas
            .clone();
        if known.contains(&NodeId::new(1)) && !known.contains(&NodeId::new(4)) {
            node.post(&format!("/v1/tablets/{tablet}/move"), asked.clone())
                .await
                .expect_problem(409, "draining");
        }
    }
    let status = node.get("/v1/status").await.expect(200);
    assert!(
        status["findings"][0]["what"]
            .as_str()
            .is_some_and(|what| what.contains("balancing is off")),
        "{status}"
    );
    node.ask(Method::POST, "/v1/nodes/4/resume", None)
        .await
        .expect(200);
    let status = node.get("/v1/status").await.expect(200);
    assert_eq!(
        (&status["healthy"], &status["findings"]),
        (&json!(true), &json!([])),
        "{status}"
    );

    let told = node
        .post("/v1/nodes/3/exclude", json!({"dry_run": true}))
        .await
        .expect(200);
    assert_eq!(
        (&told["dry_run"], &told["takes_quorum_of"]),
        (&json!(true), &json!([]))
    );
    let note = told["notes"][0].as_str().unwrap_or_default();
    assert!(note.contains("it loses its vote"), "{told}");
    assert!(!node.running.raft.snapshot().is_excluded(NodeId::new(3)));

    let asked = json!({"send_bytes_per_second": 1 << 20, "receives": 3, "node": 2});
    let limits = node
        .ask(Method::PUT, "/v1/throttle", Some(&asked))
        .await
        .expect(200);
    assert_eq!(limits["receives"], 3);
    let of = |number: usize| limits["nodes"][number - 1]["send_bytes_per_second"].clone();
    assert_eq!((of(1), of(2)), (Value::Null, json!(1 << 20)));
    for bad in [
        json!({"sends": 0}),
        json!({"send_bytes_per_second": 5}),
        json!([null, null]),
    ] {
        let refused = node.ask(Method::PUT, "/v1/throttle", Some(&bad)).await;
        refused.expect_problem(422, "bad-request");
    }
    let refused = node
        .ask(Method::PUT, "/v1/throttle", Some(&json!({"node": 77})))
        .await;
    refused.expect_problem(404, "unknown-node");
    excluded_nodes_are_named_as_such(&nodes).await;
    let switched = node
        .ask(Method::PUT, "/v1/balancing", Some(&json!({"on": true})))
        .await
        .expect(200);
    assert_eq!(switched["on"], true);
    node.ask(Method::DELETE, "/v1/tables/nothing", None)
        .await
        .expect_problem(404, "unknown-table");
    node.ask(Method::DELETE, "/v1/tables/files", None)
        .await
        .expect(204);
    stop_all(nodes).await;
}
