//! What a replica counts.

use metrics::counter;

use crate::AdmissionError;

/// Counts a request that was not admitted.
pub(crate) fn not_admitted(error: AdmissionError) {
    let reason = match error {
        AdmissionError::NotReplica => "not_replica",
        AdmissionError::Stale { .. } => "stale",
        AdmissionError::Behind => "behind",
        AdmissionError::NotRunning => "not_running",
    };
    counter!("tidegate_requests_rejected_total", "reason" => reason).increment(1);
}
