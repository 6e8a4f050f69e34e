//! Follows who leads.

use std::fmt;

use openraft::RaftMetrics;
use openraft::alias::WatchReceiverOf;
use openraft::async_runtime::WatchReceiver as _;
use tidegate_tablets::{NodeId, StoreStopped};

use crate::types::TypeConfig;

/// Who leads in which term, as far as this node knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leadership {
    /// The leader; none while one is elected.
    pub leader: Option<NodeId>,
    /// The term: a node that leads again does so in a later one.
    pub term: u64,
}

/// Follows who leads. States in between may be skipped, never the newest.
pub struct Leaders {
    metrics: WatchReceiverOf<TypeConfig, RaftMetrics<TypeConfig>>,
    given: Option<Leadership>,
}

impl Leaders {
    pub(crate) const fn new(metrics: WatchReceiverOf<TypeConfig, RaftMetrics<TypeConfig>>) -> Self {
        Self { metrics, given: None }
    }

    /// What it is now, the first time; then what it has become.
    ///
    /// A node that is named leads only as long as a majority says so: what it decides goes through the log, and what
    /// it does besides must bear that another does the same.
    ///
    /// # Errors
    ///
    /// [`StoreStopped`].
    ///
    /// # Cancel safety
    ///
    /// Safe: dropped before it completes, the next call gives the same or something newer.
    pub async fn next(&mut self) -> Result<Leadership, StoreStopped> {
        loop {
            let (leadership, running) = {
                let metrics = self.metrics.borrow_and_update();
                let leadership = Leadership {
                    leader: metrics.current_leader.map(NodeId::new),
                    term: metrics.current_term,
                };
                (leadership, metrics.running_state.is_ok())
            };
            if !running {
                return Err(StoreStopped);
            }
            if self.given != Some(leadership) {
                self.given = Some(leadership);
                return Ok(leadership);
            }
            self.metrics.changed().await.map_err(|_| StoreStopped)?;
        }
    }
}

impl fmt::Debug for Leaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leaders")
            .field("given", &self.given)
            .finish_non_exhaustive()
    }
}
