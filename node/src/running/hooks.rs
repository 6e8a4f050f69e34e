//! What other parts of the node put into it.

use std::sync::Arc;

use tidegate_coordinator::LoadReports;
use tidegate_transport::service::{Service, ServiceId};

use super::Running;

/// Services of this program's own, beside those of the crates.
pub(super) fn services(running: &Arc<Running>) -> Vec<(ServiceId, Arc<dyn Service>)> {
    vec![running.reports.service()]
}

/// Where the balancer learns how much tablets hold.
pub(super) fn load_reports(running: &Arc<Running>) -> Arc<dyn LoadReports> {
    Arc::clone(&running.reports) as _
}
