//! Takes in all that happens, in order.

mod rolling;
mod trace;

use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tidegate_guard::SessionId;
use tidegate_tablets::{Metadata, NodeId};
use tokio::time::Instant;

use self::rolling::RollingHash;
pub(crate) use self::trace::name;
use crate::coverage::Coverage;
use crate::engine::Held;
use crate::event::Event;
use crate::invariants::Invariants;
use crate::report::RunReport;

/// Lines of a trace that are kept; the first ones go.
const TRACE_LINES_MAX: usize = 200_000;

/// What is in a whole cluster right now. Implemented by the cluster.
///
/// Asked while an event is recorded: whoever records holds no lock that an answer needs.
pub trait View: Send + Sync + Debug {
    /// The newest decided metadata.
    fn metadata(&self) -> Arc<Metadata>;

    /// Whether a node runs.
    fn is_up(&self, node: NodeId) -> bool;

    /// What a node's engine holds; of one that is down, what is durable.
    fn held(&self, node: NodeId) -> Held;

    /// The sessions that are open on a node, and those that are closing; none on one that is down.
    fn sessions(&self, node: NodeId) -> (Vec<SessionId>, Vec<SessionId>);

    /// Streams that are open between nodes.
    fn streams(&self) -> usize;

    /// Tasks that nodes have started and that have not ended, but for those that run as long as a node does.
    fn tasks(&self) -> usize;
}

/// Something that must never be, and was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The name of the invariant.
    pub invariant: &'static str,
    /// When, in virtual time.
    #[serde(rename = "seconds", serialize_with = "crate::report::seconds")]
    pub at: Duration,
    /// What was seen.
    pub text: String,
}

/// What a recorder does besides watching.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecorderOptions {
    /// The seed of the run, for the report.
    pub seed: u64,
    /// Whether to keep a line for each event.
    pub trace: bool,
}

/// Takes in all that happens, in order: hashes it, counts it, and holds it against the invariants.
///
/// A clone is a handle on the same recorder.
#[derive(Debug, Clone)]
pub struct Recorder {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    options: RecorderOptions,
    started: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    hash: RollingHash,
    events: u64,
    calls: u64,
    lines: Vec<String>,
    view: Option<Arc<dyn View>>,
    coverage: Coverage,
    invariants: Invariants,
    violation: Option<Violation>,
}

impl Recorder {
    /// One whose virtual time begins now; to be made inside the runtime of the run.
    #[must_use]
    pub fn new(options: RecorderOptions) -> Self {
        Self {
            shared: Arc::new(Shared {
                options,
                started: Instant::now(),
                state: Mutex::default(),
            }),
        }
    }

    /// Takes in what has just happened.
    ///
    /// Never waits. The caller holds no lock that the [`View`] needs to answer.
    pub fn record(&self, event: Event) {
        let at = self.now();
        let mut state = self.state();
        let state = &mut *state;
        state.events += 1;
        state.hash.take_in(at, &event);
        if self.shared.options.trace {
            if state.lines.len() >= TRACE_LINES_MAX {
                state.lines.drain(..TRACE_LINES_MAX / 2);
            }
            state.lines.push(trace::line(at, &event));
        }
        // What comes after the first violation says nothing any more.
        if state.violation.is_some() {
            return;
        }
        let seen = state.invariants.take_in(at, &event, state.view.as_deref());
        state.coverage.take_in(&event, state.invariants.facts());
        self.hold_against(state, at, seen);
    }

    /// Takes in what must never be, found by somebody who holds no event for it.
    pub(crate) fn breaks(&self, invariant: &'static str, text: String) {
        let at = self.now();
        let mut state = self.state();
        if state.violation.is_none() {
            self.hold_against(&mut state, at, Err((invariant, text)));
        }
    }

    /// Says what invariants may look at from now on; until [`finish`](Self::finish), which lets go of it.
    pub fn watch(&self, view: Arc<dyn View>) {
        self.state().view = Some(view);
    }

    /// The first thing that must never be; a run stops at it.
    #[must_use]
    pub fn violation(&self) -> Option<Violation> {
        self.state().violation.clone()
    }

    /// Whether there is a violation; cheap.
    #[must_use]
    pub fn is_violated(&self) -> bool {
        self.state().violation.is_some()
    }

    /// A number for an engine call, new each time.
    #[must_use]
    pub fn next_call(&self) -> u64 {
        let mut state = self.state();
        state.calls += 1;
        state.calls
    }

    /// The virtual time since the recorder was made.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.shared.started.elapsed()
    }

    /// Takes note of what must never be and no invariant can see.
    pub(crate) fn break_off(&self, property: &'static str, text: String) {
        let at = self.now();
        let mut state = self.state();
        if state.violation.is_none() {
            self.hold_against(&mut state, at, Err((property, text)));
        }
    }

    /// Holds the end against the invariants, and says what the run came to. Everything has healed by now, and is
    /// quiet.
    #[must_use]
    pub fn finish(&self) -> RunReport {
        let at = self.now();
        let mut state = self.state();
        let state = &mut *state;
        if state.violation.is_none() {
            let seen = state.invariants.finish(at, state.view.as_deref());
            self.hold_against(state, at, seen);
        }
        state.view = None;
        let coverage = std::mem::take(&mut state.coverage);
        RunReport {
            seed: self.shared.options.seed,
            hash: state.hash.value(),
            virtual_time: at,
            events: state.events,
            coverage,
            violation: state.violation.clone(),
            trace: std::mem::take(&mut state.lines),
        }
    }

    fn hold_against(&self, state: &mut State, at: Duration, seen: Result<(), (&'static str, String)>) {
        let Err((invariant, text)) = seen else { return };
        if self.shared.options.trace {
            state.lines.push(trace::violation(at, invariant, &text));
        }
        state.violation = Some(Violation { invariant, at, text });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What a panic of an invariant left behind is still worth a report.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
