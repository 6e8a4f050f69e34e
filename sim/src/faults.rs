//! What goes wrong, and when.

use std::sync::Arc;

use tidegate_tablets::TableId;

use crate::cluster::Cluster;

/// What goes wrong in a run.
#[derive(Debug)]
pub(crate) struct Faults {}

impl Faults {
    /// Starts to do damage.
    pub(crate) fn start(_cluster: Arc<Cluster>, _tables: Vec<TableId>) -> Self {
        Self {}
    }

    /// Does no more.
    pub(crate) async fn end(self) {}
}
