//! A disk: what outlives an engine, and what is wrong with it.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tidegate_guard::SharedGuard;
use tidegate_streaming::EngineError;
use tidegate_tablets::NodeId;

use super::state::{Effect, State};
use super::{DiskConfig, Held, SimEngine};
use crate::event::{EffectKind, Event};
use crate::recorder::Recorder;
use crate::store::draw;

/// A node's disk: what it holds outlives the engine that is opened on it. A clone is a handle on the same disk.
#[derive(Clone)]
pub struct SimDisk {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) node: NodeId,
    pub(super) recorder: Recorder,
    config: DiskConfig,
    inner: Mutex<Inner>,
}

pub(super) struct Inner {
    rng: fastrand::Rng,
    /// How often an engine was opened; the last one lives, unless it crashed.
    opened: u64,
    crashed: bool,
    pub(super) state: State,
    calls: BTreeMap<u64, Started>,
    call: RangeInclusive<Duration>,
    full: bool,
    failing: f64,
    fail_next: u32,
    slow_next: Option<(EffectKind, Duration)>,
}

/// A call that has started.
struct Started {
    /// None once it is done.
    effect: Option<Effect>,
    guard: Option<SharedGuard>,
    /// Whether it did what it was asked.
    done: bool,
    fault: Option<Fault>,
}

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    FailsDone,
    FailsUndone,
}

/// When a call takes effect and when it ends, from its start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) effect: Duration,
    pub(super) end: Duration,
}

#[derive(Debug, Error)]
enum DiskError {
    #[error("the node has crashed")]
    Crashed,
    #[error("a simulated error of the disk")]
    Simulated,
}

impl From<DiskError> for EngineError {
    fn from(error: DiskError) -> Self {
        Self::Failed(Box::new(error))
    }
}

impl SimDisk {
    /// An empty disk. All that it draws is drawn from `rng`.
    #[must_use]
    pub fn new(node: NodeId, rng: fastrand::Rng, recorder: Recorder, config: DiskConfig) -> Self {
        let inner = Inner {
            rng,
            opened: 0,
            crashed: true,
            state: State::default(),
            calls: BTreeMap::new(),
            call: config.call.clone(),
            full: false,
            failing: 0.0,
            fail_next: 0,
            slow_next: None,
        };
        Self {
            shared: Arc::new(Shared {
                node,
                recorder,
                config,
                inner: Mutex::new(inner),
            }),
        }
    }

    /// Opens an engine on what is durable. One that was open before crashes.
    pub fn open(&self) -> Arc<SimEngine> {
        self.crash();
        let mut inner = self.shared.lock();
        inner.opened += 1;
        inner.crashed = false;
        Arc::new(SimEngine::new(Arc::clone(&self.shared), inner.opened))
    }

    /// The node crashes: calls that have started take effect now or never, by the dice, and what is not durable is
    /// lost, or not. The engine that was open fails all its calls from here on. Does nothing where none is open.
    ///
    /// To be called before [`Event::Crashed`] is recorded: the ends of calls are.
    pub fn crash(&self) {
        let started = {
            let mut inner = self.shared.lock();
            if inner.crashed {
                return;
            }
            inner.crash()
        };
        // Outside the lock: who drops a guard may wake others.
        for (call, done, guard) in started {
            self.shared.recorder.record(Event::EffectEnded { call, done });
            drop(guard);
        }
    }

    /// From now on a call takes that long; [`heal`](Self::heal) makes it short again.
    pub fn slow(&self, call: RangeInclusive<Duration>) {
        self.shared.lock().call = call;
    }

    /// Whether there is no room: then nothing is written or staged.
    pub fn full(&self, full: bool) {
        self.shared.lock().full = full;
    }

    /// From now on calls fail with that probability, each with its effect done or not.
    pub fn failing(&self, probability: f64) {
        self.shared.lock().failing = probability;
    }

    /// That many calls that begin from now on fail, each with its effect done or not.
    pub fn fail_next(&self, calls: u32) {
        self.shared.lock().fail_next = calls;
    }

    /// The next call of that kind that begins takes that long, and takes effect at its end.
    pub fn slow_next(&self, kind: EffectKind, call: Duration) {
        self.shared.lock().slow_next = Some((kind, call));
    }

    /// Whether the call that is to be slow is still to begin.
    #[must_use]
    pub fn awaits_slow(&self) -> bool {
        self.shared.lock().slow_next.is_some()
    }

    /// Nothing is wrong any more. Calls that have started go on as they began.
    pub fn heal(&self) {
        let mut inner = self.shared.lock();
        inner.call = self.shared.config.call.clone();
        inner.full = false;
        inner.failing = 0.0;
        inner.fail_next = 0;
        inner.slow_next = None;
    }

    /// What the engine holds now; after a crash, what is durable.
    #[must_use]
    pub fn held(&self) -> Held {
        self.shared.lock().state.held()
    }

    /// Calls that have started and not ended.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.shared.lock().calls.len()
    }

    /// The node whose disk it is.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.shared.node
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimDisk")
            .field("node", &self.shared.node)
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing under the lock panics, so a poisoned lock guards a whole state.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a call with an effect, for the engine of that number.
    pub(super) fn begin(
        &self,
        engine: u64,
        effect: Effect,
        guard: Option<SharedGuard>,
    ) -> Result<(u64, Times), EngineError> {
        let call = self.recorder.next_call();
        let event = Event::EffectBegun {
            call,
            node: self.node,
            tablet: effect.tablet(),
            kind: effect.kind(),
            // A discard has no guard: its session is gone.
            session: guard.as_ref().and_then(|guard| guard.session()),
        };
        let times = {
            let mut inner = self.lock();
            inner.lives(engine)?;
            let (mut times, fault) = inner.throw();
            if let Some((_, slow)) = inner.slow_next.take_if(|(kind, _)| *kind == effect.kind()) {
                (times.effect, times.end) = (slow, slow);
            }
            let started = Started {
                effect: Some(effect),
                guard,
                done: false,
                fault,
            };
            inner.calls.insert(call, started);
            times
        };
        self.recorder.record(event);
        Ok((call, times))
    }

    /// The instant at which a call takes effect.
    pub(super) fn take_effect(&self, call: u64) -> Result<u64, EngineError> {
        self.lock().take_effect(call)
    }

    /// Ends a call; answers whether nothing has ended it before.
    pub(super) fn end(&self, call: u64) -> bool {
        let Some(Started { done, guard, .. }) = self.lock().calls.remove(&call) else {
            return false;
        };
        self.recorder.record(Event::EffectEnded { call, done });
        drop(guard);
        true
    }

    pub(super) fn crashed() -> EngineError {
        DiskError::Crashed.into()
    }
}

impl Inner {
    pub(super) fn lives(&self, engine: u64) -> Result<(), EngineError> {
        if self.crashed || self.opened != engine {
            return Err(DiskError::Crashed.into());
        }
        Ok(())
    }

    /// How long a call without an effect takes, and whether it goes well.
    pub(super) fn throw_read(&mut self) -> (Duration, Result<(), EngineError>) {
        let (times, fault) = self.throw();
        let result = fault.map_or(Ok(()), |_| Err(DiskError::Simulated.into()));
        (times.end, result)
    }

    fn throw(&mut self) -> (Times, Option<Fault>) {
        let end = draw(&mut self.rng, &self.call);
        let effect = if end.is_zero() {
            end
        } else {
            draw(&mut self.rng, &(Duration::ZERO..=end))
        };
        let mut fails = self.failing > 0.0 && self.rng.f64() < self.failing;
        if self.fail_next > 0 {
            self.fail_next -= 1;
            fails = true;
        }
        let fault = fails.then(|| {
            if self.rng.bool() {
                Fault::FailsDone
            } else {
                Fault::FailsUndone
            }
        });
        (Times { effect, end }, fault)
    }

    fn take_effect(&mut self, call: u64) -> Result<u64, EngineError> {
        let full = self.full;
        let started = self.calls.get_mut(&call).ok_or(DiskError::Crashed)?;
        let effect = started.effect.take().ok_or(DiskError::Crashed)?;
        if started.fault == Some(Fault::FailsUndone) {
            return Err(DiskError::Simulated.into());
        }
        let count = self.state.take_effect(&effect, started.guard.as_ref(), full)?;
        started.done = true;
        match started.fault {
            Some(_) => Err(DiskError::Simulated.into()),
            None => Ok(count),
        }
    }

    fn crash(&mut self) -> Vec<(u64, bool, Option<SharedGuard>)> {
        let calls: Vec<u64> = self.calls.keys().copied().collect();
        for call in calls {
            let waits = self
                .calls
                .get(&call)
                .is_some_and(|started| started.effect.is_some());
            if waits && self.rng.bool() {
                // Whoever asked does not hear of it.
                let _ = self.take_effect(call);
            }
        }
        self.crashed = true;
        self.state.crash(&mut self.rng);
        std::mem::take(&mut self.calls)
            .into_iter()
            .map(|(call, started)| (call, started.done, started.guard))
            .collect()
    }
}
