//! The names of the metrics, and where they are counted.

use std::fmt;
use std::time::Duration;

use metrics::{Counter, counter, gauge, histogram};
use tidegate_guard::Rejected;

use crate::{EndCause, Refusal, StreamRole};

const REFUSED: &str = "tidegate_stream_refused_total";
const REJECTED: &str = "tidegate_stream_rejected_total";
const BATCHES_SENT: &str = "tidegate_stream_batches_sent_total";
const BATCHES_APPLIED: &str = "tidegate_stream_batches_applied_total";
const BYTES_SENT: &str = "tidegate_stream_bytes_sent_total";
const BYTES_APPLIED: &str = "tidegate_stream_bytes_applied_total";
const BUSY: &str = "tidegate_stream_busy_seconds";
const ENDED: &str = "tidegate_streams_ended_total";
const STAGING_AREAS: &str = "tidegate_staging_areas";
const THROTTLE_WAIT: &str = "tidegate_stream_throttle_wait_seconds";

/// Counts a staging area that an engine has made, for the gauge `tidegate_staging_areas`; called by engines, also
/// for those that they find when they open.
pub fn staging_area_made() {
    gauge!(STAGING_AREAS).increment(1.0);
}

/// Counts a staging area that an engine has dropped; called by engines.
pub fn staging_area_dropped() {
    gauge!(STAGING_AREAS).decrement(1.0);
}

/// Counts a step that did not begin because its guard refused. `at` is `send`, `stage` or `attach`.
pub(crate) fn rejected(at: &'static str, rejected: Rejected) {
    counter!(REJECTED, "reason" => word(rejected), "at" => at).increment(1);
}

const fn word(rejected: Rejected) -> &'static str {
    match rejected {
        Rejected::NotYetOpen { .. } => "not_yet_open",
        Rejected::Closing => "closing",
        Rejected::Closed => "closed",
    }
}

/// Counts a stream that a source took no part in, by what it told the puller.
pub(crate) fn refused(refusal: Refusal) {
    let reason = match refusal {
        Refusal::Rejected(rejected) => word(rejected),
        Refusal::NotSource => "not_source",
        Refusal::NotMember => "not_member",
        Refusal::Busy => "busy",
        Refusal::NotReady => "not_ready",
    };
    counter!(REFUSED, "reason" => reason).increment(1);
}

/// Counts the batches of one stream; looked up once, as a stream has many.
pub(crate) struct BytesMeter {
    batches: Counter,
    bytes: Counter,
}

impl BytesMeter {
    /// Counts one more batch.
    pub(crate) fn add(&self, bytes: usize) {
        self.batches.increment(1);
        self.bytes.increment(bytes as u64);
    }
}

impl fmt::Debug for BytesMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BytesMeter").finish_non_exhaustive()
    }
}

/// `reason` is what the stream is for, in a word of whoever asked for it.
pub(crate) fn sent(reason: &'static str) -> BytesMeter {
    BytesMeter {
        batches: counter!(BATCHES_SENT, "reason" => reason),
        bytes: counter!(BYTES_SENT, "reason" => reason),
    }
}

pub(crate) fn applied(reason: &'static str) -> BytesMeter {
    BytesMeter {
        batches: counter!(BATCHES_APPLIED, "reason" => reason),
        bytes: counter!(BYTES_APPLIED, "reason" => reason),
    }
}

pub(crate) fn ended(role: StreamRole, cause: EndCause, busy: Option<Duration>) {
    counter!(ENDED, "role" => role.as_str(), "cause" => cause.as_str()).increment(1);
    if let Some(busy) = busy {
        histogram!(BUSY).record(busy);
    }
}

pub(crate) fn throttled(waited: Duration) {
    histogram!(THROTTLE_WAIT).record(waited);
}
