//! What other parts of the node put into it.

use std::sync::Arc;

use tidegate_coordinator::{Load, LoadReports};
use tidegate_transport::service::{Service, ServiceId};

use super::Running;

/// Services of this program's own, beside those of the crates.
pub(super) fn services(_running: &Arc<Running>) -> Vec<(ServiceId, Arc<dyn Service>)> {
    Vec::new()
}

/// Where the balancer learns how much tablets hold.
pub(super) fn load_reports(_running: &Arc<Running>) -> Arc<dyn LoadReports> {
    Arc::new(Load::new())
}
