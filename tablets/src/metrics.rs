//! What is counted.

use metrics::counter;

use crate::TransitionEvent;

impl TransitionEvent {
    /// Counts it. Called by the store that commits a change, once for the cluster and not on every node.
    ///
    /// `tidegate_transitions_begun_total`, `tidegate_transitions_completed_total` and
    /// `tidegate_transitions_rolled_back_total`, each by `kind`.
    pub fn count(self) {
        let (name, kind) = match self {
            Self::Begun(kind) => ("tidegate_transitions_begun_total", kind),
            Self::Completed(kind) => ("tidegate_transitions_completed_total", kind),
            Self::RolledBack(kind) => ("tidegate_transitions_rolled_back_total", kind),
        };
        counter!(name, "kind" => kind.name()).increment(1);
    }
}
