//! Real partitions: each node in a network of its own, its cable pulled and put in again.

mod net;

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use self::net::Net;
use super::rig::{DEADLINE, until};
use super::seed::Seed;

const NODES: u64 = 4;
/// Longer than connections last in silence.
const SILENCE: Duration = Duration::from_secs(12);

#[test]
fn the_cable_of_who_leads_is_pulled_in_the_middle_of_a_move() {
    cut(|_, leader| leader);
}

#[test]
fn the_cable_of_the_pending_replica_is_pulled_in_the_middle_of_a_move() {
    if Seed::of_torture().is_some() {
        cut(|pending, _| pending);
    }
}

fn cut(whom: impl Fn(u64, u64) -> u64) {
    let Some(net) = Net::started(NODES) else { return };
    let mut acknowledged = BTreeSet::new();
    write(&net, &mut acknowledged, 1, "before");
    let tablet = &net.json(1, &["tablets", "rows"])["tablets"][0];
    let (id, held) = (tablet["id"].to_string(), numbers(&tablet["replicas"]));
    let pending = (1..=NODES)
        .find(|node| !held.contains(node))
        .expect("a spare node");
    let source = held.first().expect("a replica").to_string();
    hold(&net, 1..=NODES, &[]);
    net.json(1, &["move", &id, "--from", &source, "--to", &pending.to_string()]);
    until("the stage", DEADLINE, || {
        let moves = net.json(1, &["moves"]);
        (moves["moves"][0]["transition"]["stage"] == "write_both_read_old").then_some(())
    });
    let leader = net.json(1, &["status"])["leader"].as_u64().expect("a leader");
    let victim = whom(pending, leader);
    let others: Vec<u64> = (1..=NODES).filter(|node| *node != victim).collect();
    net.pull(victim);
    hold(&net, others.iter().copied(), &["--off"]);
    until("another leader", DEADLINE, || {
        let status = net.told(others[0], &["status", "--json"])?;
        status["leader"].as_u64().filter(|leader| *leader != victim)
    });
    write(&net, &mut acknowledged, others[0], "without");
    let alone = net.tidegate(victim, &["put", "rows", "alone", "x", "--timeout", "8"]);
    assert_ne!(
        alone.code,
        Some(0),
        "one of three replicas is no quorum: {alone:?}"
    );
    // This is the fault itself: nothing ends it but time.
    std::thread::sleep(SILENCE);
    net.plug(victim);
    hold(&net, [victim], &["--off"]);
    for node in 1..=NODES {
        until("the move to end", DEADLINE, || {
            let told = net.told(node, &["tablets", "rows", "--json"])?;
            told["tablets"][0]["transition"].is_null().then_some(())
        });
    }
    let held = numbers(&net.json(1, &["tablets", "rows"])["tablets"][0]["replicas"]);
    assert_eq!(held.len(), 3, "{held:?}");
    write(&net, &mut acknowledged, victim, "after");
    for node in 1..=NODES {
        for key in &acknowledged {
            let row = net.tidegate(node, &["get", "rows", key]);
            assert_eq!(
                (row.code, row.stdout.trim()),
                (Some(0), &**key),
                "node {node}: {row:?}"
            );
        }
    }
}

fn hold(net: &Net, nodes: impl IntoIterator<Item = u64>, more: &[&str]) {
    for node in nodes {
        let args = ["inject", "coordinator::advance::write_both_read_old"];
        net.json(node, &[&args[..], more].concat());
    }
}

/// Some rows through a node, each until it is acknowledged.
fn write(net: &Net, acknowledged: &mut BTreeSet<String>, node: u64, name: &str) {
    for number in 0..10 {
        let key = format!("{name}-{number}");
        until("a row to be written", DEADLINE, || {
            let put = net.tidegate(node, &["put", "rows", &key, &key]);
            (put.code == Some(0)).then_some(())
        });
        acknowledged.insert(key);
    }
}

fn numbers(list: &Value) -> BTreeSet<u64> {
    let list = list.as_array().expect("a list");
    list.iter().filter_map(Value::as_u64).collect()
}
