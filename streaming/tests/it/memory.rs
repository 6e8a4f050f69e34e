//! A small engine in memory, with faults that tests ask for.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_guard::{SessionId, SharedGuard};
use tidegate_streaming::{Batch, EngineError, Position, Scan, SourceEngine, Staging, TargetEngine, UnitId};
use tidegate_transport::PeerId;
use tokio::sync::Semaphore;

use crate::rows::{Row, decode, encode};

type Rows = BTreeMap<Bytes, Row>;

/// Where a test holds calls, or makes them fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Next,
    Stage,
    Sync,
    Attach,
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    DiskFull,
    Panic,
    /// Waits, without listening to anything, until [`Memory::release`]; then does what it was asked for.
    Hold,
}

#[derive(Debug)]
pub(crate) struct Memory {
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
        Self(Arc::new(Memory {
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
        self.0
            .state()
            .rows
            .get(&unit)
            .map(|rows| rows.values().cloned().collect())
            .unwrap_or_default()
    }

    /// Makes the `nth` (from 0) call of that kind from now on end so.
    pub(crate) fn fault(&self, call: Call, nth: u64, fault: Fault) {
        *self.0.fault.lock().unwrap() = Some((call, nth, fault));
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
        self.0.check(&guard)?;
        let mut left: Vec<Row> = self.read(unit);
        left.retain(|row| from.as_ref().is_none_or(|from| row.key > from.0));
        left.reverse();
        Ok(Box::new(Snapshot {
            memory: Arc::clone(&self.0),
            left,
        }))
    }
}

#[derive(Debug)]
struct Snapshot {
    memory: Arc<Memory>,
    /// Last row first.
    left: Vec<Row>,
}

#[async_trait]
impl Scan for Snapshot {
    async fn next(&mut self, bytes_max: usize) -> Result<Option<Batch>, EngineError> {
        self.memory.in_scan.fetch_add(1, Ordering::SeqCst);
        self.memory.enter(Call::Next).await?;
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
        self.0.check(&guard)?;
        self.0.state().areas.entry((unit, session)).or_default();
        Ok(Box::new(Handle {
            memory: Arc::clone(&self.0),
            unit,
            session,
        }))
    }

    async fn discard(&self, unit: UnitId, session: SessionId) -> Result<(), EngineError> {
        self.0.state().areas.remove(&(unit, session));
        Ok(())
    }

    async fn staged(&self) -> Result<Vec<(UnitId, SessionId)>, EngineError> {
        Ok(self.0.state().areas.keys().copied().collect())
    }
}

#[derive(Debug)]
struct Handle {
    memory: Arc<Memory>,
    unit: UnitId,
    session: SessionId,
}

impl Handle {
    fn with<T>(&self, work: impl FnOnce(&mut Rows, &mut Area) -> T) -> Result<T, EngineError> {
        let mut state = self.memory.state();
        let State { rows, areas } = &mut *state;
        let area = areas
            .get_mut(&(self.unit, self.session))
            .ok_or(EngineError::Gone)?;
        Ok(work(rows.entry(self.unit).or_default(), area))
    }
}

#[async_trait]
impl Staging for Handle {
    async fn attached(&self) -> Result<bool, EngineError> {
        self.with(|_, area| area.attached)
    }

    async fn position(&self, source: PeerId) -> Result<Option<Position>, EngineError> {
        self.with(|_, area| {
            area.sources
                .get(&source)
                .and_then(|(_, position)| position.clone())
        })
    }

    async fn stage(&self, guard: SharedGuard, source: PeerId, batch: Batch) -> Result<(), EngineError> {
        self.memory.enter(Call::Stage).await?;
        let rows = decode(&batch).ok_or_else(|| EngineError::Decode("no rows".into()))?;
        self.memory.check(&guard)?;
        self.with(|_, area| {
            if !area.attached {
                let (staged, position) = area.sources.entry(source).or_default();
                merge(staged, rows);
                *position = position.take().max(Some(batch.last));
            }
        })?;
        self.memory.staged_batches.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn sync(&self, guard: SharedGuard) -> Result<(), EngineError> {
        self.memory.enter(Call::Sync).await?;
        self.memory.check(&guard)
    }

    async fn attach(&self, guard: SharedGuard) -> Result<(), EngineError> {
        self.memory.enter(Call::Attach).await?;
        self.memory.check(&guard)?;
        self.with(|rows, area| {
            if !std::mem::replace(&mut area.attached, true) {
                for (staged, _) in std::mem::take(&mut area.sources).into_values() {
                    merge(rows, staged.into_values());
                }
            }
        })
    }
}
