//! Tells the recorder what one incarnation of a node does, for as long as it lives.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tidegate_guard::SessionId;
use tidegate_session::SessionState;
use tidegate_tablets::NodeId;

use crate::event::Event;
use crate::recorder::Recorder;

/// Tells the recorder what one incarnation of a node does. After its crash it tells nothing: what is then left of
/// the node's tasks reaches nobody.
#[derive(Debug, Clone)]
pub(crate) struct Witness {
    recorder: Recorder,
    node: NodeId,
    incarnation: u64,
    lives: Arc<AtomicBool>,
}

impl Witness {
    pub(crate) fn new(recorder: Recorder, node: NodeId, incarnation: u64) -> Self {
        Self {
            recorder,
            node,
            incarnation,
            lives: Arc::new(AtomicBool::new(true)),
        }
    }

    /// Whose incarnation it is.
    pub(crate) const fn node(&self) -> NodeId {
        self.node
    }

    /// Whether the incarnation lives. All of a run happens in one thread, so that the order is of no account.
    pub(crate) fn lives(&self) -> bool {
        self.lives.load(Ordering::Relaxed)
    }

    pub(crate) fn ends(&self) {
        self.lives.store(false, Ordering::Relaxed);
    }

    pub(crate) fn tell(&self, event: impl FnOnce(NodeId) -> Event) {
        if self.lives() {
            self.recorder.record(event(self.node));
        }
    }

    pub(crate) fn session(&self, session: SessionId, state: SessionState) {
        let incarnation = self.incarnation;
        self.tell(|node| Event::Session {
            node,
            incarnation,
            session,
            state,
        });
    }
}
