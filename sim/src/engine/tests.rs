//! What is the simulated engine's own: crashes and faults.

use std::collections::BTreeSet;

use tidegate_guard::{Closing, Gate, Guard, OwnedEntry, Rejected, SharedGuard, Unfenced};
use tidegate_kv::{RowStore, Timestamp, encode_rows};
use tidegate_streaming::{Batch, EngineError, Position, TargetEngine, UnitId};
use tidegate_tablets::{Epoch, NodeId};
use tidegate_transport::PeerId;
use tokio::time::{Instant, advance, sleep};

use super::*;
use crate::recorder::{Recorder, RecorderOptions};

const T: TabletId = TabletId::new(1);
const UNIT: UnitId = UnitId::new(1);
const SOURCE: PeerId = PeerId::new(2);

fn session() -> SessionId {
    T.session_at(Epoch::new(3))
}

fn disk(seed: u64) -> SimDisk {
    let recorder = Recorder::new(RecorderOptions::default());
    let rng = fastrand::Rng::with_seed(seed);
    SimDisk::new(NodeId::new(1), rng, recorder, DiskConfig::default())
}

fn ms(ms: u64) -> std::time::Duration {
    std::time::Duration::from_millis(ms)
}

fn unfenced() -> SharedGuard {
    std::sync::Arc::new(Unfenced)
}

/// A guard of a bare gate.
#[derive(Debug)]
struct Inside(OwnedEntry);

impl Inside {
    fn enter(gate: &std::sync::Arc<Gate>) -> SharedGuard {
        std::sync::Arc::new(Self(gate.enter_owned().unwrap()))
    }
}

impl Guard for Inside {
    fn session(&self) -> Option<SessionId> {
        Some(session())
    }

    fn check(&self) -> Result<(), Rejected> {
        self.0.gate().check().map_err(|_| Rejected::Closing)
    }

    fn closing(&self) -> Closing<'_> {
        self.0.gate().closing()
    }
}

fn row(key: &str, time: u64) -> Row {
    let timestamp = Timestamp {
        time,
        ..Timestamp::default()
    };
    Row {
        key: Bytes::copy_from_slice(key.as_bytes()),
        timestamp,
        value: Some("v".into()),
    }
}

fn batch(key: &str) -> Batch {
    let row = row(key, 5);
    Batch {
        payload: encode_rows(std::slice::from_ref(&row)).unwrap(),
        rows: 1,
        last: Position(row.key),
    }
}

fn has(disk: &SimDisk, key: &str) -> bool {
    let rows = disk.held().rows.remove(&T).unwrap_or_default();
    rows.contains_key(key.as_bytes())
}

#[tokio::test(start_paused = true)]
async fn a_crash_loses_what_is_not_durable_or_does_not() {
    let mut left = BTreeSet::new();
    for seed in 0..60 {
        let disk = disk(seed);
        let engine = disk.open();
        engine.write(T, unfenced(), vec![row("w", 1)]).await.unwrap();
        let area = engine.staging(UNIT, session(), unfenced()).await.unwrap();
        area.stage(unfenced(), SOURCE, batch("a")).await.unwrap();
        area.sync(unfenced()).await.unwrap();
        for key in ["b", "c"] {
            area.stage(unfenced(), SOURCE, batch(key)).await.unwrap();
        }
        disk.crash();
        assert!(has(&disk, "w"), "what was written is durable");
        let engine = disk.open();
        let area = engine.staging(UNIT, session(), unfenced()).await.unwrap();
        let rows = disk.held().staged[&(T, session())].rows.clone();
        let last = rows.last().map(|(key, _)| Position(key.clone()));
        assert_eq!(area.position(SOURCE).await.unwrap(), last, "seed {seed}");
        left.insert(rows.size());
    }
    assert_eq!(left, [1, 2, 3].into(), "what was synced is never lost");
}

#[tokio::test(start_paused = true)]
async fn an_area_that_was_never_synced_may_go_with_a_crash() {
    let mut left = BTreeSet::new();
    for seed in 0..40 {
        let disk = disk(seed);
        let area = disk.open().staging(UNIT, session(), unfenced()).await.unwrap();
        area.stage(unfenced(), SOURCE, batch("a")).await.unwrap();
        disk.crash();
        left.insert(disk.held().staged.len());
        assert!(matches!(area.attached().await, Err(EngineError::Failed(_))));
    }
    assert_eq!(left, [0, 1].into());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_a_crash_meets_is_done_or_not_and_fails() {
    let mut done = BTreeSet::new();
    for seed in 0..40 {
        let disk = disk(seed);
        let engine = disk.open();
        disk.slow(ms(50)..=ms(50));
        let gate = std::sync::Arc::new(Gate::new());
        let guard = Inside::enter(&gate);
        let writing = tokio::spawn(async move { engine.write(T, guard, vec![row("k", 1)]).await });
        sleep(ms(10)).await;
        disk.crash();
        gate.close();
        assert!(gate.is_drained(), "nothing of a dead engine holds a guard");
        let written = has(&disk, "k");
        assert!(matches!(writing.await.unwrap(), Err(EngineError::Failed(_))));
        assert_eq!(has(&disk, "k"), written, "nothing comes after the crash");
        done.insert(written);
    }
    assert_eq!(done, [false, true].into());
}

#[tokio::test(start_paused = true)]
async fn a_crash_does_nothing_whose_guard_refuses() {
    for seed in 0..40 {
        let disk = disk(seed);
        let engine = disk.open();
        disk.slow(ms(50)..=ms(50));
        let gate = std::sync::Arc::new(Gate::new());
        let guard = Inside::enter(&gate);
        let writing = tokio::spawn(async move { engine.write(T, guard, vec![row("k", 1)]).await });
        sleep(ms(1)).await;
        let before = has(&disk, "k");
        gate.close();
        disk.crash();
        assert_eq!(has(&disk, "k"), before);
        assert!(writing.await.unwrap().is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_engine_fails_all_calls() {
    let disk = disk(1);
    let (dead, _live) = (disk.open(), disk.open());
    assert!(dead.tablets().await.is_err());
    assert!(dead.write(T, unfenced(), vec![row("k", 1)]).await.is_err());
    assert!(dead.discard(UNIT, session()).await.is_err());
    assert!(disk.held().rows.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_takes_nothing_and_gives_back() {
    let disk = disk(1);
    let engine = disk.open();
    let area = engine.staging(UNIT, session(), unfenced()).await.unwrap();
    area.stage(unfenced(), SOURCE, batch("a")).await.unwrap();
    disk.full(true);
    let written = engine.write(T, unfenced(), vec![row("k", 1)]).await;
    assert!(matches!(written, Err(EngineError::DiskFull)));
    let staged = area.stage(unfenced(), SOURCE, batch("b")).await;
    assert!(matches!(staged, Err(EngineError::DiskFull)));
    area.attach(unfenced()).await.unwrap();
    assert_eq!(disk.held().rows[&T].size(), 1);
    engine.remove(T, unfenced()).await.unwrap();
    assert_eq!(disk.held(), Held::default());
    disk.heal();
    engine.write(T, unfenced(), vec![row("k", 1)]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_is_done_or_not_and_its_repeat_is_done() {
    let mut done = BTreeSet::new();
    for seed in 0..40 {
        let disk = disk(seed);
        let engine = disk.open();
        disk.fail_next(1);
        let written = engine.write(T, unfenced(), vec![row("k", 1)]).await;
        assert!(matches!(written, Err(EngineError::Failed(_))));
        done.insert(has(&disk, "k"));
        engine.write(T, unfenced(), vec![row("k", 1)]).await.unwrap();
        assert!(has(&disk, "k"));
        disk.failing(1.0);
        assert!(engine.read(T, vec!["k".into()]).await.is_err());
    }
    assert_eq!(done, [false, true].into());
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_whose_future_is_dropped_ends_and_holds_its_guard_till_then() {
    for seed in 0..20 {
        let disk = disk(seed);
        let engine = disk.open();
        disk.slow(ms(50)..=ms(50));
        let gate = std::sync::Arc::new(Gate::new());
        {
            let writing = engine.write(T, Inside::enter(&gate), vec![row("k", 1)]);
            tokio::select! {
                biased;
                _ = writing => panic!("it takes 50 ms"),
                () = sleep(ms(5)) => {}
            }
        }
        assert_eq!(disk.calls(), 1);
        let begun = Instant::now();
        advance(ms(1)).await;
        let gate_closes_late = gate.drained();
        sleep(ms(43)).await;
        assert_eq!(disk.calls(), 1, "it is not over");
        let written = has(&disk, "k");
        gate.close();
        gate_closes_late.await;
        assert!(begun.elapsed() >= ms(44));
        assert_eq!(disk.calls(), 0);
        assert_eq!(
            has(&disk, "k"),
            written,
            "nothing is done under a guard that refuses"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_is_refused_where_its_guard_closes_first() {
    let mut refused = 0;
    for seed in 0..20 {
        let disk = disk(seed);
        let engine = disk.open();
        disk.slow(ms(50)..=ms(50));
        let gate = std::sync::Arc::new(Gate::new());
        let guard = Inside::enter(&gate);
        let writing = tokio::spawn(async move { engine.write(T, guard, vec![row("k", 1)]).await });
        sleep(ms(20)).await;
        gate.close();
        match writing.await.unwrap() {
            Ok(()) => assert!(has(&disk, "k")),
            Err(EngineError::Rejected(Rejected::Closing)) => {
                assert!(!has(&disk, "k"));
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!((1..20).contains(&refused));
}
