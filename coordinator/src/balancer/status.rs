//! What the balancer tells.

use std::sync::{Mutex, PoisonError};

use tidegate_tablets::{Refused, TabletId, Version};

use super::BalancePlan;

/// What the balancer's last round has come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BalancerStatus {
    /// Whether balancing was on.
    pub on: bool,
    /// Rounds so far.
    pub rounds: u64,
    /// The version from which the last one planned.
    pub version: Version,
    /// What it planned, and what waits.
    pub plan: BalancePlan,
    /// What of it was not begun, because the metadata had changed meanwhile.
    pub refused: Vec<(TabletId, Refused)>,
    /// Why the load was not known, if it was not: nothing moves for its weight then.
    pub load_error: Option<String>,
    /// Why nothing could be planned or proposed, if so.
    pub error: Option<String>,
}

/// The status where others can see it.
#[derive(Debug, Default)]
pub(crate) struct SharedStatus(Mutex<BalancerStatus>);

impl SharedStatus {
    pub(crate) fn see(&self) -> BalancerStatus {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shows a round, and counts it.
    pub(super) fn show(&self, status: BalancerStatus) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rounds = shown.rounds + 1;
        *shown = BalancerStatus { rounds, ..status };
    }
}
