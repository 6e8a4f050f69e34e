//! What the driver counts.

use std::time::Duration;

use tidegate_tablets::{Epoch, Metadata, Stage, TabletId, TransitionKind};
use tracing::Span;

use crate::{BarrierError, CallError, StepError};

/// What belongs to the transition that a tablet is in is said in this.
pub(super) fn move_of(metadata: &Metadata, tablet: TabletId) -> Span {
    let known = metadata.tablets.get(&tablet);
    match known.and_then(|known| known.transition.as_ref()) {
        Some(transition) => move_begun(tablet, transition.begun),
        None => Span::none(),
    }
}

/// What belongs to the transition that began at an epoch is said in this.
pub(super) fn move_begun(tablet: TabletId, begun: Epoch) -> Span {
    tracing::info_span!("move", %tablet, epoch = %begun)
}

/// Counts a node's barrier that is not done, and is asked for again.
pub(super) fn barrier_failed(error: &StepError) {
    let reason = match error {
        StepError::Barrier(BarrierError::Behind { .. }) => "behind",
        StepError::Barrier(BarrierError::Held { .. }) => "held",
        StepError::Barrier(BarrierError::Superseded { .. }) => "superseded",
        StepError::Call(CallError::Unreachable { .. }) => "unreachable",
        StepError::Call(CallError::TimedOut { .. }) => "timed_out",
        StepError::Call(CallError::Refused { .. }) => "refused",
        StepError::NoAnswer => "no_answer",
        _ => "failed",
    };
    metrics::counter!("tidegate_barriers_failed_total", "reason" => reason).increment(1);
}

pub(super) fn started() {
    metrics::counter!("tidegate_coordinator_started_total").increment(1);
}

pub(super) fn retried(operation: &'static str, tablets: usize) {
    let retries = metrics::counter!("tidegate_coordinator_retries_total", "operation" => operation);
    retries.increment(tablets as u64);
}

pub(super) fn gave_up(kind: TransitionKind) {
    metrics::counter!("tidegate_coordinator_gave_up_total", "kind" => kind.name()).increment(1);
}

pub(super) fn barrier_took(time: Duration) {
    metrics::histogram!("tidegate_barrier_seconds").record(time.as_secs_f64());
}

pub(super) fn stage_took(stage: Stage, time_ms: u64) {
    let time = Duration::from_millis(time_ms).as_secs_f64();
    metrics::histogram!("tidegate_stage_seconds", "stage" => stage.name()).record(time);
}
