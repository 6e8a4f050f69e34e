//! A cluster as people build it without sessions: what the demo's `--unfenced` is made of.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tidegate_guard::{FrozenGuard, Label, Rejected, SessionId, SharedGuard, Thaw, Unfenced};
use tidegate_session::{Holder, NotDrained, SessionState, Sessions};
use tidegate_streaming::{EngineError, Staging, TargetEngine, UnitId};

/// Sessions that are none: every guard is handed out, and no barrier waits for anybody.
#[derive(Debug, Default)]
pub(super) struct NoSessions;

impl Thaw for NoSessions {
    fn thaw(&self, _: &FrozenGuard, _: u64, _: Label) -> Result<SharedGuard, Rejected> {
        Ok(Arc::new(Unfenced))
    }
}

#[async_trait]
impl Sessions for NoSessions {
    fn reconcile(&self, _: &BTreeSet<SessionId>) {}

    fn apply(&self, _: &[SessionId], _: &[SessionId]) {}

    fn state(&self, _: SessionId) -> Option<SessionState> {
        None
    }

    fn open_sessions(&self) -> Vec<SessionId> {
        Vec::new()
    }

    fn closing_sessions(&self) -> Vec<SessionId> {
        Vec::new()
    }

    async fn drain(&self, _: &[SessionId], _: Duration) -> Result<(), NotDrained> {
        Ok(())
    }

    fn holders(&self) -> Vec<Holder> {
        Vec::new()
    }
}

/// Numbers each attempt, and gives it a staging area of its own: without sessions nothing else tells one attempt's
/// rows from another's.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    last: AtomicU64,
}

impl Attempts {
    /// The staging area of a new attempt.
    pub(super) async fn staging(
        &self,
        engine: &dyn TargetEngine,
        unit: UnitId,
        guard: SharedGuard,
    ) -> Result<Box<dyn Staging>, EngineError> {
        // Relaxed: only the number matters, and each is given once.
        let attempt = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let name = SessionId::from_u128(u128::from(attempt)).map_err(|_| EngineError::Gone)?;
        engine.staging(unit, name, guard).await
    }
}
