//! Any sequence of calls and restarts, against a map.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proptest::prelude::*;
use tidegate_engine_fjall::FjallConfig;
use tidegate_kv::{Row, RowStore, Timestamp};
use tidegate_streaming::TargetEngine;
use tokio::runtime::{Builder, Runtime};

use crate::rig::{
    SOURCE, TABLET, UNIT, batch, fresh, in_one_table, in_tables, open, rows, session, still, streamed,
    unfenced,
};

#[derive(Debug, Clone)]
enum Step {
    Write(Vec<Row>),
    Stage(u8, Vec<Row>),
    Attach(u8),
    Discard(u8),
    Fold,
    Purge(u64),
    Remove,
    Reopen,
}

fn a_row() -> impl Strategy<Value = Row> {
    ("[a-e]", 1..20_u64, 1..3_u64, proptest::option::of("[x-z]{0,3}")).prop_map(|(key, time, node, value)| {
        Row {
            key: key.into(),
            timestamp: Timestamp { time, node, start: 1 },
            value: value.map(Bytes::from),
        }
    })
}

fn a_step() -> impl Strategy<Value = Step> {
    let some_rows = || proptest::collection::vec(a_row(), 1..5);
    prop_oneof![
        4 => some_rows().prop_map(Step::Write),
        4 => (1..4_u8, some_rows()).prop_map(|(area, rows)| Step::Stage(area, rows)),
        2 => (1..4_u8).prop_map(Step::Attach),
        1 => (1..4_u8).prop_map(Step::Discard),
        1 => Just(Step::Fold),
        1 => (1..20_u64).prop_map(Step::Purge),
        1 => Just(Step::Remove),
        1 => Just(Step::Reopen),
    ]
}

/// Memtables so small that rows go to table files and come back from them all the time.
fn flushing() -> FjallConfig {
    FjallConfig {
        memtable_bytes_max: 1536,
        ..still()
    }
}

type Rows = BTreeMap<Bytes, Row>;

#[derive(Default)]
struct Model {
    rows: Rows,
    areas: BTreeMap<u8, (bool, Rows)>,
    /// Sessions do not come again.
    gone: BTreeSet<u8>,
}

fn merge(into: &mut Rows, rows: impl IntoIterator<Item = Row>) {
    for row in rows {
        match into.get(&row.key) {
            // Equal timestamps are one write; the first stays.
            Some(held) if held.timestamp >= row.timestamp => {}
            _ => drop(into.insert(row.key.clone(), row)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn it_does_what_a_map_would_do(steps in proptest::collection::vec(a_step(), 1..25)) {
        runtime().block_on(follow(steps, flushing()));
    }

    #[test]
    fn it_does_so_with_a_table_file_for_every_batch(steps in proptest::collection::vec(a_step(), 1..25)) {
        runtime().block_on(follow(steps, in_tables(flushing())));
    }

    #[test]
    fn it_does_so_with_table_files_that_are_under_way(steps in proptest::collection::vec(a_step(), 1..25)) {
        runtime().block_on(follow(steps, in_one_table(flushing())));
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

async fn follow(steps: Vec<Step>, config: FjallConfig) {
    let (directory, mut engine) = fresh(config.clone()).await;
    let mut model = Model::default();
    // One timestamp, one row: what a clock guarantees.
    let mut known = BTreeMap::<(Bytes, Timestamp), Row>::new();
    let mut settle = |rows: Vec<Row>| -> Vec<Row> {
        rows.into_iter()
            .map(|row| {
                known
                    .entry((row.key.clone(), row.timestamp))
                    .or_insert(row)
                    .clone()
            })
            .collect()
    };
    for step in steps {
        match step {
            Step::Write(rows) => {
                let rows = settle(rows);
                engine
                    .write(TABLET, unfenced(), rows.clone())
                    .await
                    .expect("writes");
                merge(&mut model.rows, rows);
            }
            Step::Stage(area, rows) if !model.gone.contains(&area) => {
                let rows = settle(rows);
                let staging = engine
                    .staging(UNIT, session(area.into()), unfenced())
                    .await
                    .expect("an area");
                staging
                    .stage(unfenced(), SOURCE, batch(&rows))
                    .await
                    .expect("stages");
                let (attached, staged) = model.areas.entry(area).or_default();
                if !*attached {
                    merge(staged, rows);
                }
            }
            Step::Attach(area) if model.areas.contains_key(&area) => {
                let staging = engine
                    .staging(UNIT, session(area.into()), unfenced())
                    .await
                    .expect("the area");
                staging.attach(unfenced()).await.expect("attaches");
                let (attached, staged) = model.areas.get_mut(&area).expect("is there");
                *attached = true;
                merge(&mut model.rows, std::mem::take(staged).into_values());
            }
            Step::Discard(area) => {
                engine
                    .discard(UNIT, session(area.into()))
                    .await
                    .expect("discards");
                model.areas.remove(&area);
                model.gone.insert(area);
            }
            Step::Fold => engine.fold(TABLET).await.expect("folds"),
            Step::Purge(floor) => {
                engine.purge(TABLET, unfenced(), floor).await.expect("purges");
                model
                    .rows
                    .retain(|_, row| row.value.is_some() || row.timestamp.time > floor);
            }
            Step::Remove => {
                engine.remove(TABLET, unfenced()).await.expect("removes");
                model.gone.extend(model.areas.keys());
                model.areas.clear();
                model.rows.clear();
            }
            Step::Reopen => {
                // Without it a table file that is under way is lost, as it may be.
                engine.close().await.expect("closes");
                drop(engine);
                engine = open(directory.path(), config.clone()).await;
            }
            Step::Stage(..) | Step::Attach(_) => continue,
        }
        let expected: Vec<_> = model.rows.values().cloned().collect();
        assert_eq!(rows(&engine, TABLET).await, expected);
        assert_eq!(streamed(&engine, None, 64).await, expected);
        let staged: Vec<_> = model
            .areas
            .keys()
            .map(|area| (UNIT, session((*area).into())))
            .collect();
        assert_eq!(engine.staged().await.expect("a list"), staged);
        let held = !expected.is_empty() || !staged.is_empty();
        assert_eq!(engine.tablets().await.expect("a list").len(), usize::from(held));
    }
}
