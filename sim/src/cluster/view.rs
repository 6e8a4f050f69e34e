//! What invariants may look at.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tidegate_guard::SessionId;
use tidegate_session::Sessions;
use tidegate_tablets::{Metadata, NodeId};

use super::Cluster;
use crate::engine::Held;
use crate::recorder::View;

/// Tasks that run as long as a node does: it follows the metadata, it sweeps, it serves.
const TASKS_OF_A_NODE: usize = 3;

impl View for Cluster {
    fn metadata(&self) -> Arc<Metadata> {
        self.map()
    }

    fn is_up(&self, node: NodeId) -> bool {
        self.node(node).is_some()
    }

    fn held(&self, node: NodeId) -> Held {
        self.disk_of(node).map(|disk| disk.held()).unwrap_or_default()
    }

    fn sessions(&self, node: NodeId) -> (Vec<SessionId>, Vec<SessionId>) {
        self.node(node).map_or_else(Default::default, |node| {
            (node.sessions.open_sessions(), node.sessions.closing_sessions())
        })
    }

    fn streams(&self) -> usize {
        self.network.streams()
    }

    fn tasks(&self) -> usize {
        let lasting = self.up().len() * TASKS_OF_A_NODE + self.seat.len();
        let own = self.own_tasks.load(Ordering::Relaxed);
        let alive = self.runtime.metrics().num_alive_tasks();
        alive.saturating_sub(lasting + own)
    }
}
