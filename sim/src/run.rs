//! One run: a seed in, a report out.

mod many;
mod panics;
mod phases;
mod wall;

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use tokio::runtime::Builder;

pub use self::many::{Seeds, run_many};
use crate::event::FaultKind;
use crate::metadata::MetadataKind;
use crate::plan::{FAULT_KINDS, Plan};
use crate::recorder::{Recorder, RecorderOptions, Violation};
use crate::report::RunReport;

/// What all runs have in common.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Whether a report has a line for each event.
    pub trace: bool,
    /// The kinds of faults that a seed may have.
    pub faults: BTreeSet<FaultKind>,
    /// The metadata log.
    pub metadata: MetadataKind,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            trace: false,
            faults: FAULT_KINDS.into(),
            metadata: MetadataKind::default(),
        }
    }
}

/// Runs a whole cluster in virtual time, in this thread; `seed` decides everything.
///
/// # Errors
///
/// When the thread gets no runtime.
pub fn run(seed: u64, options: &RunOptions) -> io::Result<RunReport> {
    let plan = Plan::of(seed, options.metadata, &options.faults);
    let recording = RecorderOptions {
        seed,
        trace: options.trace,
    };
    in_virtual_time(recording, "liveness", |recorder| phases::live(plan, recorder))
}

/// Lives through something in virtual time, in this thread. Where it comes to an error, that is what `property` says
/// must not be. The report is made by who lives through it, as virtual time is known in there only.
pub(crate) fn in_virtual_time<F>(
    options: RecorderOptions,
    property: &'static str,
    live: impl FnOnce(Recorder) -> F,
) -> io::Result<RunReport>
where
    F: Future<Output = (RunReport, Result<(), String>)>,
{
    in_virtual_time_within(WALL_MAX, options, property, live)
}

/// The same; after so long on the clock on the wall it is broken off.
fn in_virtual_time_within<F>(
    max: Duration,
    options: RecorderOptions,
    property: &'static str,
    live: impl FnOnce(Recorder) -> F,
) -> io::Result<RunReport>
where
    F: Future<Output = (RunReport, Result<(), String>)>,
{
    let mut wall = wall::Wall::new(max)?;
    let panics = panics::Watch::begin();
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    let recorder = runtime.block_on(async { Recorder::new(options) });
    let lived = {
        let recorder = recorder.clone();
        panics::caught(|| {
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    lived = Box::pin(live(recorder.clone())) => lived,
                    () = wall.is_reached() => {
                        recorder.break_off("no_end", format!("it runs for {max:?}, and never comes to rest"));
                        (recorder.finish(), Ok(()))
                    }
                }
            })
        })
    };
    drop(runtime);
    let (mut report, found) = match (lived, panics.end()) {
        (Ok((report, lived)), None) => (report, lived.err().map(|text| (property, text))),
        (Ok((report, _)), Some(text)) => (report, Some(("no_panic", text))),
        (Err(text), _) => (recorder.finish(), Some(("no_panic", text))),
    };
    if let Some((invariant, text)) = found {
        let at = report.virtual_time;
        report.violation.get_or_insert(Violation { invariant, at, text });
    }
    Ok(report)
}

/// How long a run may take on the clock on the wall, which is a thousand times what it takes: its tasks wake each other
/// for ever, and virtual time stands still.
const WALL_MAX: Duration = Duration::from_secs(300);

/// How long virtual time may go on once nothing goes wrong any more, until all has ended.
pub(crate) const LIVENESS_BOUND: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
