//! A small engine in memory, with faults that tests ask for.

mod faults;
mod handle;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_guard::{SessionId, SharedGuard};
use tidegate_streaming::{Batch, EngineError, Position, Scan, SourceEngine, Staging, TargetEngine, UnitId};
use tidegate_transport::PeerId;
use tokio::sync::Semaphore;

pub(crate) use self::faults::{Call, Fault, Flaw};
use self::handle::Handle;
use crate::rows::{Row, encode};

type Rows = BTreeMap<Bytes, Row>;

#[derive(Debug)]
pub(crate) struct Memory {
    flaw: Option<Flaw>,
    state: Mutex<State>,
    /// The fault, and at the how-manieth call from now on.
    fault: Mutex<Option<(Call, u64, Fault)>>,
    pub(crate) staged_batches: AtomicU64,
    pub(crate) own_checks: AtomicU64,
    pub(crate) in_scan: AtomicU64,
    held: Semaphore,
    go_on: Semaphore,
}

#[derive(Debug, Default)]
struct State {
    rows: BTreeMap<UnitId, Rows>,
    areas: BTreeMap<(UnitId, SessionId), Area>,
}

#[derive(Debug, Default)]
struct Area {
    attached: bool,
    sources: BTreeMap<PeerId, (Rows, Option<Position>)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Engine(pub(crate) Arc<Memory>);

impl Engine {
    pub(crate) fn new() -> Self {
        Self::with_flaw(None)
    }

    pub(crate) fn with_flaw(flaw: Option<Flaw>) -> Self {
        Self(Arc::new(Memory {
            flaw,
            state: Mutex::default(),
            fault: Mutex::default(),
            staged_batches: AtomicU64::default(),
            own_checks: AtomicU64::default(),
            in_scan: AtomicU64::default(),
            held: Semaphore::new(0),
            go_on: Semaphore::new(0),
        }))
    }

    pub(crate) fn write(&self, unit: UnitId, rows: &[Row]) {
        merge(self.0.state().rows.entry(unit).or_default(), rows.iter().cloned());
    }

    pub(crate) fn read(&self, unit: UnitId) -> Vec<Row> {
        let state = self.0.state();
        let mut rows = state.rows.get(&unit).cloned().unwrap_or_default();
        if self.0.has(Flaw::ShowsStaged) {
            for (_, area) in state.areas.iter().filter(|((of, _), _)| *of == unit) {
                for (staged, _) in area.sources.values() {
                    merge(&mut rows, staged.values().cloned());
                }
            }
        }
        rows.into_values().collect()
    }

    /// Makes the `nth` (from 0) call of that kind from now on end so.
    pub(crate) fn fault(&self, call: Call, nth: u64, fault: Fault) {
        *self.0.fault.lock().unwrap() = Some((call, nth, fault));
    }

    /// The engine after a crash; a sound one has lost nothing.
    pub(crate) fn crashed(&self) -> Self {
        let after = Self::with_flaw(self.0.flaw);
        *after.0.state() = std::mem::take(&mut *self.0.state());
        for area in after.0.state().areas.values_mut() {
            for (rows, position) in area.sources.values_mut() {
                match self.0.flaw {
                    Some(Flaw::LosesSyncedPositions) => *position = None,
                    Some(Flaw::PositionsAhead) => drop(rows.pop_last()),
                    _ => {}
                }
            }
        }
        after
    }

    /// Until a call is held.
    pub(crate) async fn held(&self) {
        self.0.held.acquire().await.unwrap().forget();
    }

    /// Lets the call that is held go on.
    pub(crate) fn release(&self) {
        self.0.go_on.add_permits(1);
    }

    pub(crate) fn staged_batches(&self) -> u64 {
        self.0.staged_batches.load(Ordering::SeqCst)
    }
}

impl Memory {
    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    async fn enter(&self, call: Call) -> Result<(), EngineError> {
        let due = {
            let mut fault = self.fault.lock().unwrap();
            match &mut *fault {
                Some((of, 0, _)) if *of == call => fault.take().map(|(_, _, due)| due),
                Some((of, left, _)) if *of == call => {
                    *left -= 1;
                    None
                }
                _ => None,
            }
        };
        match due {
            None => Ok(()),
            Some(Fault::DiskFull) => Err(EngineError::DiskFull),
            Some(Fault::Panic) => panic!("a panic that the test asked for"),
            Some(Fault::Hold) => {
                self.held.add_permits(1);
                self.go_on.acquire().await.unwrap().forget();
                Ok(())
            }
        }
    }

    fn check(&self, guard: &SharedGuard) -> Result<(), EngineError> {
        self.own_checks.fetch_add(1, Ordering::SeqCst);
        Ok(guard.check()?)
    }
}

fn merge(into: &mut Rows, rows: impl IntoIterator<Item = Row>) {
    for row in rows {
        match into.get(&row.key) {
            Some(held) if held.timestamp >= row.timestamp => {}
            _ => drop(into.insert(row.key.clone(), row)),
        }
    }
}

#[async_trait]
impl SourceEngine for Engine {
    async fn snapshot(
        &self,
        unit: UnitId,
        guard: SharedGuard,
        from: Option<Position>,
    ) -> Result<Box<dyn Scan>, EngineError> {
        if !self.0.has(Flaw::SnapshotIgnoresGuard) {
            self.0.check(&guard)?;
        }
        let mut left: Vec<Row> = self.read(unit);
        left.retain(|row| {
            from.as_ref().is_none_or(|from| match self.0.flaw {
                Some(Flaw::ScanStartsAtPosition) => row.key >= from.0,
                Some(Flaw::ScanIgnoresPosition) => true,
                _ => row.key > from.0,
            })
        });
        left.reverse();
        Ok(Box::new(Snapshot {
            memory: Arc::clone(&self.0),
            left,
            unit,
        }))
    }
}

#[derive(Debug)]
struct Snapshot {
    memory: Arc<Memory>,
    unit: UnitId,
    /// Last row first.
    left: Vec<Row>,
}

#[async_trait]
impl Scan for Snapshot {
    async fn next(&mut self, bytes_max: usize) -> Result<Option<Batch>, EngineError> {
        self.memory.in_scan.fetch_add(1, Ordering::SeqCst);
        self.memory.enter(Call::Next).await?;
        if self.memory.has(Flaw::LiveSnapshot) {
            let state = self.memory.state();
            let rows = state.rows.get(&self.unit);
            for row in &mut self.left {
                if let Some(now) = rows.and_then(|rows| rows.get(&row.key)) {
                    *row = now.clone();
                }
            }
        }
        let mut batch = Vec::new();
        let mut bytes = 0;
        while bytes < bytes_max
            && let Some(row) = self.left.pop()
        {
            bytes += 16 + row.key.len() + row.value.len();
            batch.push(row);
        }
        Ok(encode(&batch))
    }
}

#[async_trait]
impl TargetEngine for Engine {
    async fn staging(
        &self,
        unit: UnitId,
        session: SessionId,
        guard: SharedGuard,
    ) -> Result<Box<dyn Staging>, EngineError> {
        if !self.0.has(Flaw::StagingIgnoresGuard) {
            self.0.check(&guard)?;
        }
        let session = if self.0.has(Flaw::SharesSessions) {
            SessionId::from_u128(1).unwrap()
        } else {
            session
        };
        self.0.state().areas.entry((unit, session)).or_default();
        Ok(Box::new(Handle {
            memory: Arc::clone(&self.0),
            unit,
            session,
        }))
    }

    async fn discard(&self, unit: UnitId, session: SessionId) -> Result<(), EngineError> {
        let mut state = self.0.state();
        if self.0.has(Flaw::DiscardForgetsPositionsOnly) {
            if let Some(area) = state.areas.get_mut(&(unit, session)) {
                area.sources
                    .values_mut()
                    .for_each(|(_, position)| *position = None);
            }
            return Ok(());
        }
        let area = state.areas.remove(&(unit, session));
        if self.0.has(Flaw::DiscardDropsAttached) && area.is_some_and(|area| area.attached) {
            state.rows.remove(&unit);
        }
        Ok(())
    }

    async fn staged(&self) -> Result<Vec<(UnitId, SessionId)>, EngineError> {
        Ok(self.0.state().areas.keys().copied().collect())
    }
}
