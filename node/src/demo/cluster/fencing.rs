//! With sessions, or as people build it without: the one place that reads the flag.

use std::sync::Arc;

use tidegate_kv::RowStore;
use tidegate_session::{SessionConfig, SessionRegistry, Sessions};

use super::handled_engine::HandledEngine;
use super::stage_hand::StageHand;
use super::unfenced::{Attempts, NoSessions};

/// With sessions, or without. Nothing beyond this knows which.
#[derive(Debug)]
pub(super) struct Fencing {
    fenced: bool,
}

impl Fencing {
    pub(super) const fn new(fenced: bool) -> Self {
        Self { fenced }
    }

    /// The sessions of a node, and its engine with the scenario's hand in it.
    pub(super) fn of_node(
        &self,
        engine: Arc<dyn RowStore>,
        hand: StageHand,
    ) -> (Arc<dyn Sessions>, Arc<dyn RowStore>) {
        if self.fenced {
            let sessions = SessionRegistry::new(SessionConfig::default());
            (sessions, Arc::new(HandledEngine::new(engine, hand, None)))
        } else {
            let attempts = Some(Attempts::default());
            (
                Arc::new(NoSessions),
                Arc::new(HandledEngine::new(engine, hand, attempts)),
            )
        }
    }
}
