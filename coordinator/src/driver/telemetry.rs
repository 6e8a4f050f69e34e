//! What the driver counts.

use std::time::Duration;

use tidegate_tablets::{Stage, TransitionKind};

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
