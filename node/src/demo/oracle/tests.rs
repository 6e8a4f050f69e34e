//! The oracle must find what is wrong, and nothing else.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_guard::{SharedGuard, Unfenced};
use tidegate_kv::{MemoryEngine, ReadError, Row, RowStore, Timestamp, token_of};
use tidegate_tablets::{Accepted, Change, Metadata, NodeId, TableId, TabletId, Version};

use super::verdict::Wrong;
use super::*;

fn unfenced() -> SharedGuard {
    Arc::new(Unfenced)
}

fn text(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// Three replicas and a spare node, one engine each; a quorum is read by hand.
struct Rig {
    map: Arc<Metadata>,
    table: TableId,
    engines: Vec<(NodeId, Arc<dyn RowStore>)>,
    ledger: Ledger,
    clock: u64,
}

impl Rig {
    fn new() -> Self {
        let mut map = Metadata::default();
        let nodes: Vec<NodeId> = (1..=4).map(NodeId::new).collect();
        let mut version = 0;
        let mut apply = |change: Change| {
            version += 1;
            map.apply(Version::new(version), &change)
                .outcome
                .expect("is accepted")
        };
        for node in &nodes {
            apply(Change::AddNode { node: *node });
        }
        let replicas: BTreeSet<NodeId> = nodes[..3].iter().copied().collect();
        let made = apply(Change::CreateTable {
            name: "t".into(),
            replicas: vec![replicas.clone(), replicas],
        });
        let Accepted::Table(table) = made else {
            panic!("{made:?}")
        };
        let engines = nodes
            .into_iter()
            .map(|node| (node, Arc::new(MemoryEngine::new()) as _))
            .collect();
        let ledger = Ledger::settling_after(Duration::ZERO);
        Self {
            map: Arc::new(map),
            table,
            engines,
            ledger,
            clock: 0,
        }
    }

    fn tablet(&self, key: &Bytes) -> TabletId {
        self.map
            .tablet_of(self.table, token_of(key))
            .expect("has a tablet")
            .0
    }

    /// Writes past the ledger, to nodes of those numbers.
    async fn put(&mut self, nodes: &[usize], key: &Bytes, value: Option<&str>) {
        self.clock += 1;
        let timestamp = Timestamp {
            time: self.clock,
            node: 1,
            start: 1,
        };
        let row = Row {
            key: key.clone(),
            timestamp,
            value: value.map(text),
        };
        for node in nodes {
            let engine = &self.engines[node - 1].1;
            engine
                .write(self.tablet(key), unfenced(), vec![row.clone()])
                .await
                .expect("writes");
        }
    }

    /// Writes to those nodes, and tells the client that it is done.
    async fn acknowledged(&mut self, nodes: &[usize], key: &Bytes, value: Option<&str>) {
        let intent = value.map_or(Intent::Delete, |value| Intent::Write(value.as_bytes()));
        let pending = self.ledger.begin(key, intent);
        self.put(nodes, key, value).await;
        pending.acknowledged();
    }

    async fn verify(&self) -> Verdict {
        let reader = Quorum(self);
        let view = View {
            map: Arc::clone(&self.map),
            table: self.table,
            engines: self.engines.clone(),
            reader: &reader,
        };
        verify(&self.ledger, view).await.expect("can be read")
    }
}

/// Reads the latest row that the first two replicas hold.
struct Quorum<'a>(&'a Rig);

#[async_trait]
impl ReadThrough for Quorum<'_> {
    async fn read_many(&self, keys: Vec<Bytes>) -> Vec<Result<Option<Bytes>, ReadError>> {
        let mut values = Vec::new();
        for key in &keys {
            let mut latest: Option<Row> = None;
            for (_, engine) in &self.0.engines[..2] {
                let mut rows = engine
                    .read(self.0.tablet(key), vec![key.clone()])
                    .await
                    .expect("reads");
                let row = rows.pop().flatten();
                latest = latest.into_iter().chain(row).max_by_key(|row| row.timestamp);
            }
            values.push(Ok(latest.and_then(|row| row.value)));
        }
        values
    }
}

#[tokio::test]
async fn a_sound_cluster_passes() {
    let mut rig = Rig::new();
    for number in 0..300 {
        let key = text(&format!("key {number}"));
        rig.acknowledged(&[1, 2, 3], &key, Some("v")).await;
    }
    rig.acknowledged(&[1, 2], &text("key 0"), Some("w")).await;
    rig.acknowledged(&[2, 3], &text("key 1"), None).await;
    let verdict = rig.verify().await;
    assert!(verdict.ok(), "{verdict:?}");
    assert_eq!(verdict.keys, 300);
    assert_eq!(verdict.rows_checked, 300 * 4, "three replicas and the cluster");
}

#[tokio::test]
async fn a_row_that_a_quorum_lacks_is_lost() {
    let mut rig = Rig::new();
    rig.acknowledged(&[1], &text("k"), Some("v")).await;
    let verdict = rig.verify().await;
    assert_eq!(
        (verdict.rows_lost, verdict.rows_resurrected),
        (1, 0),
        "{verdict:?}"
    );
}

#[tokio::test]
async fn an_older_value_in_place_of_an_acknowledged_one_is_a_loss() {
    let mut rig = Rig::new();
    rig.acknowledged(&[1, 2, 3], &text("k"), Some("old")).await;
    rig.acknowledged(&[], &text("k"), Some("new")).await;
    let verdict = rig.verify().await;
    assert_eq!(
        (verdict.rows_lost, verdict.rows_resurrected),
        (1, 0),
        "{verdict:?}"
    );
}

#[tokio::test]
async fn a_value_under_a_purged_key_on_any_one_replica_has_come_back() {
    let mut rig = Rig::new();
    let key = text("k");
    rig.acknowledged(&[1, 2, 3], &key, Some("v")).await;
    rig.acknowledged(&[1, 2, 3], &key, None).await;
    for (_, engine) in &rig.engines {
        engine
            .purge(rig.tablet(&key), unfenced(), u64::MAX)
            .await
            .expect("purges");
    }
    rig.ledger.purged(std::slice::from_ref(&key));
    assert!(rig.verify().await.ok());
    // Node 3 alone: no quorum sees it yet.
    rig.put(&[3], &key, Some("v")).await;
    let verdict = rig.verify().await;
    assert_eq!(
        (verdict.rows_lost, verdict.rows_resurrected),
        (0, 1),
        "{verdict:?}"
    );
    assert_eq!(verdict.findings[0].node, Some(NodeId::new(3)));
    assert_eq!(verdict.findings[0].to_string(), "k: came back, on node 3");
}

#[tokio::test]
async fn a_deleted_row_that_reads_show_has_come_back_and_counts_once() {
    let mut rig = Rig::new();
    rig.acknowledged(&[1, 2, 3], &text("k"), Some("v")).await;
    rig.acknowledged(&[1, 2, 3], &text("k"), None).await;
    rig.put(&[1, 2, 3], &text("k"), Some("v")).await;
    let verdict = rig.verify().await;
    assert_eq!(
        (verdict.rows_lost, verdict.rows_resurrected),
        (0, 1),
        "{verdict:?}"
    );
}

#[tokio::test]
async fn a_row_that_nobody_wrote_is_found() {
    let mut rig = Rig::new();
    rig.put(&[2], &text("ghost"), Some("v")).await;
    let verdict = rig.verify().await;
    assert_eq!(verdict.rows_resurrected, 1, "{verdict:?}");
}

#[tokio::test]
async fn a_row_on_a_node_that_is_no_replica_is_misplaced_even_a_tombstone() {
    let mut rig = Rig::new();
    rig.acknowledged(&[1, 2, 3], &text("k"), Some("v")).await;
    rig.put(&[4], &text("k"), None).await;
    let verdict = rig.verify().await;
    assert_eq!(verdict.rows_misplaced, 1, "{verdict:?}");
    assert_eq!((verdict.rows_lost, verdict.rows_resurrected), (0, 0));
}

#[tokio::test]
async fn a_row_in_a_tablet_that_is_not_its_own_is_misplaced() {
    let rig = Rig::new();
    let row = Row {
        key: text("k"),
        timestamp: Timestamp {
            time: 1,
            node: 1,
            start: 1,
        },
        value: None,
    };
    let own = rig.tablet(&row.key);
    let table = rig.map.tables.get(&rig.table).expect("the table");
    let other = *table
        .tablets
        .iter()
        .find(|tablet| **tablet != own)
        .expect("two tablets");
    rig.engines[0]
        .1
        .write(other, unfenced(), vec![row.clone()])
        .await
        .expect("writes");
    rig.engines[1]
        .1
        .write(TabletId::new(99), unfenced(), vec![row])
        .await
        .expect("writes");
    assert_eq!(rig.verify().await.rows_misplaced, 2);
}

#[tokio::test]
async fn an_unknown_outcome_admits_either() {
    for took_effect in [false, true] {
        let mut rig = Rig::new();
        rig.acknowledged(&[1, 2, 3], &text("k"), Some("old")).await;
        drop(rig.ledger.begin(&text("k"), Intent::Write(b"maybe")));
        drop(rig.ledger.begin(&text("k"), Intent::Delete));
        if took_effect {
            rig.put(&[1, 2], &text("k"), Some("maybe")).await;
        }
        let verdict = rig.verify().await;
        assert!(verdict.ok(), "{verdict:?}");
    }
}

#[tokio::test]
async fn a_later_acknowledged_operation_ends_the_doubt() {
    let mut rig = Rig::new();
    drop(rig.ledger.begin(&text("k"), Intent::Write(b"maybe")));
    rig.acknowledged(&[1, 2, 3], &text("k"), Some("sure")).await;
    assert!(rig.verify().await.ok());
    rig.put(&[1, 2, 3], &text("k"), Some("maybe")).await;
    assert_eq!(rig.verify().await.rows_lost, 1);
}

#[test]
fn an_operation_given_up_just_before_may_still_win() {
    let ledger = Ledger::settling_after(Duration::from_secs(3600));
    drop(ledger.begin(&text("k"), Intent::Write(b"maybe")));
    ledger.begin(&text("k"), Intent::Write(b"sure")).acknowledged();
    assert_eq!(ledger.read(&text("k"), Some(b"sure")), Ok(()));
    assert_eq!(ledger.read(&text("k"), Some(b"maybe")), Ok(()));
}

#[test]
fn a_read_decides_what_was_unknown() {
    let ledger = Ledger::settling_after(Duration::ZERO);
    let key = text("k");
    ledger.begin(&key, Intent::Write(b"1")).acknowledged();
    drop(ledger.begin(&key, Intent::Write(b"2")));
    drop(ledger.begin(&key, Intent::Write(b"3")));
    assert_eq!(ledger.read(&key, Some(b"1")), Ok(()));
    assert_eq!(ledger.read(&key, Some(b"2")), Ok(()));
    // It was seen, so what came before it is over; what came after it may yet take effect.
    assert_eq!(ledger.read(&key, Some(b"1")), Err(Wrong::Lost));
    assert_eq!(ledger.read(&key, Some(b"3")), Ok(()));
    assert_eq!(ledger.read(&key, Some(b"2")), Err(Wrong::Lost));
}

#[tokio::test]
async fn what_a_read_has_shown_during_the_run_is_in_the_verdict() {
    let mut rig = Rig::new();
    rig.acknowledged(&[1, 2, 3], &text("k"), None).await;
    assert_eq!(rig.ledger.read(&text("k"), Some(b"v")), Err(Wrong::Resurrected));
    assert_eq!(
        rig.ledger.read(&text("never"), Some(b"v")),
        Err(Wrong::Resurrected)
    );
    rig.acknowledged(&[1, 2, 3], &text("l"), Some("v")).await;
    assert_eq!(rig.ledger.read(&text("l"), None), Err(Wrong::Lost));
    let verdict = rig.verify().await;
    assert_eq!(
        (verdict.rows_lost, verdict.rows_resurrected),
        (1, 2),
        "{verdict:?}"
    );
}

#[tokio::test]
async fn a_refused_operation_leaves_no_trace() {
    let mut rig = Rig::new();
    rig.acknowledged(&[1, 2, 3], &text("k"), Some("v")).await;
    rig.ledger.begin(&text("k"), Intent::Delete).refused();
    rig.ledger.begin(&text("other"), Intent::Write(b"v")).refused();
    assert!(rig.verify().await.ok());
    rig.put(&[1, 2, 3], &text("other"), Some("v")).await;
    assert_eq!(rig.verify().await.rows_resurrected, 1);
}

#[tokio::test]
async fn a_purge_counts_only_where_the_delete_is_certain() {
    let mut rig = Rig::new();
    let key = text("k");
    rig.acknowledged(&[1, 2, 3], &key, None).await;
    drop(rig.ledger.begin(&key, Intent::Write(b"maybe")));
    rig.ledger.purged(std::slice::from_ref(&key));
    rig.put(&[1], &key, Some("maybe")).await;
    assert!(rig.verify().await.ok());
}
