//! Any sequence of calls and restarts, against a map.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proptest::prelude::*;
use tidegate_engine_fjall::{FjallConfig, FjallEngine};
use tidegate_guard::SessionId;
use tidegate_kv::{Row, RowStore, Timestamp};
use tidegate_streaming::{Batch, Position, Staging, TargetEngine, UnitId};
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
    /// Everything that was staged is made durable before, or is not.
    Reopen(bool),
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
        2 => any::<bool>().prop_map(Step::Reopen),
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
    areas: BTreeMap<u8, Staged>,
    /// Sessions do not come again.
    gone: BTreeSet<u8>,
}

#[derive(Debug, Default)]
struct Staged {
    attached: bool,
    /// In the order in which they came, which is what their positions count.
    batches: Vec<Vec<Row>>,
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

async fn area_of(engine: &FjallEngine, area: u8) -> Box<dyn Staging> {
    let area = engine.staging(UNIT, session(area.into()), unfenced()).await;
    area.expect("an area")
}

/// Stages the batch of that number; numbers begin with 1.
async fn stage(engine: &FjallEngine, area: u8, number: usize, rows: &[Row]) {
    let numbered = Batch {
        last: Position(Bytes::copy_from_slice(&number.to_be_bytes())),
        ..batch(rows)
    };
    let staging = area_of(engine, area).await;
    staging.stage(unfenced(), SOURCE, numbered).await.expect("stages");
}

/// The number of the last batch that an area holds.
async fn reached(engine: &FjallEngine, area: u8) -> usize {
    let held = area_of(engine, area).await.position(SOURCE).await;
    let number = |Position(bytes)| usize::from_be_bytes(bytes[..].try_into().expect("a number"));
    held.expect("answers").map_or(0, number)
}

fn listed(model: &Model) -> Vec<(UnitId, SessionId)> {
    let areas = model.areas.keys();
    areas.map(|area| (UNIT, session((*area).into()))).collect()
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
                let staged = model.areas.entry(area).or_default();
                stage(&engine, area, staged.batches.len() + 1, &rows).await;
                if !staged.attached {
                    staged.batches.push(rows);
                }
            }
            Step::Attach(area) if model.areas.contains_key(&area) => {
                let staging = area_of(&engine, area).await;
                staging.attach(unfenced()).await.expect("attaches");
                let staged = model.areas.get_mut(&area).expect("is there");
                staged.attached = true;
                merge(
                    &mut model.rows,
                    std::mem::take(&mut staged.batches).into_iter().flatten(),
                );
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
            Step::Reopen(synced) => {
                if synced {
                    for area in model.areas.keys() {
                        let staging = area_of(&engine, *area).await;
                        staging.sync(unfenced()).await.expect("makes it durable");
                    }
                }
                engine.close().await.expect("closes");
                drop(engine);
                engine = open(directory.path(), config.clone()).await;
                assert_eq!(engine.staged().await.expect("a list"), listed(&model));
                // Only a table file that was under way may be lost; then what follows the position comes again.
                let whole = synced || config.staged_in_journal_bytes > 0;
                for (area, staged) in model.areas.iter().filter(|(_, staged)| !staged.attached) {
                    let held = reached(&engine, *area).await;
                    assert!(held == staged.batches.len() || !whole, "{held} of {staged:?}");
                    for (number, rows) in staged.batches.iter().enumerate().skip(held) {
                        stage(&engine, *area, number + 1, rows).await;
                    }
                }
            }
            Step::Stage(..) | Step::Attach(_) => continue,
        }
        let expected: Vec<_> = model.rows.values().cloned().collect();
        assert_eq!(rows(&engine, TABLET).await, expected);
        assert_eq!(streamed(&engine, None, 64).await, expected);
        assert_eq!(engine.staged().await.expect("a list"), listed(&model));
        let held = !expected.is_empty() || !model.areas.is_empty();
        assert_eq!(engine.tablets().await.expect("a list").len(), usize::from(held));
    }
}
