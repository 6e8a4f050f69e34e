//! A node's sessions, told to the recorder.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_guard::{Closing, FrozenGuard, Guard, Label, Rejected, SessionId, SharedGuard, Thaw};
use tidegate_session::{Holder, NotDrained, SessionState, Sessions};

use super::witness::Witness;
use crate::event::Event;

/// A node's sessions; every change of a state is told to the recorder, when it comes.
#[derive(Debug)]
pub(crate) struct WatchedSessions {
    inner: Arc<dyn Sessions>,
    witness: Witness,
}

impl WatchedSessions {
    pub(crate) fn new(inner: Arc<dyn Sessions>, witness: Witness) -> Arc<Self> {
        Arc::new(Self { inner, witness })
    }

    fn told(&self, session: SessionId, state: SessionState) {
        self.witness.session(session, state);
    }

    /// Makes a change, and tells what is closing, closed and open by it.
    fn change(&self, change: impl FnOnce()) {
        let open_before: BTreeSet<_> = self.inner.open_sessions().into_iter().collect();
        change();
        let open: BTreeSet<_> = self.inner.open_sessions().into_iter().collect();
        for session in open_before.difference(&open) {
            self.told(*session, SessionState::Closing);
            if self.inner.state(*session) != Some(SessionState::Closing) {
                self.told(*session, SessionState::Closed);
            }
        }
        for session in open.difference(&open_before) {
            self.told(*session, SessionState::Open);
        }
    }
}

impl Thaw for WatchedSessions {
    fn thaw(&self, frozen: &FrozenGuard, applied: u64, label: Label) -> Result<SharedGuard, Rejected> {
        let thawed = self.inner.thaw(frozen, applied, label);
        self.witness.tell(|node| Event::Thawed {
            node,
            asked: frozen.session,
            given: thawed.as_ref().ok().and_then(|guard| guard.session()),
        });
        let guard = thawed?;
        Ok(Arc::new(WatchedGuard {
            inner: Some(guard),
            sessions: Arc::clone(&self.inner),
            witness: self.witness.clone(),
        }))
    }
}

#[async_trait]
impl Sessions for WatchedSessions {
    fn reconcile(&self, wanted: &BTreeSet<SessionId>) {
        self.change(|| self.inner.reconcile(wanted));
    }

    fn apply(&self, close: &[SessionId], open: &[SessionId]) {
        self.change(|| self.inner.apply(close, open));
    }

    fn state(&self, session: SessionId) -> Option<SessionState> {
        self.inner.state(session)
    }

    fn open_sessions(&self) -> Vec<SessionId> {
        self.inner.open_sessions()
    }

    fn closing_sessions(&self) -> Vec<SessionId> {
        self.inner.closing_sessions()
    }

    async fn drain(&self, sessions: &[SessionId], deadline: Duration) -> Result<(), NotDrained> {
        self.inner.drain(sessions, deadline).await
    }

    fn holders(&self) -> Vec<Holder> {
        self.inner.holders()
    }
}

/// A guard whose drop may close its session.
struct WatchedGuard {
    inner: Option<SharedGuard>,
    sessions: Arc<dyn Sessions>,
    witness: Witness,
}

impl WatchedGuard {
    fn inner(&self) -> &SharedGuard {
        // Taken by the drop alone.
        self.inner
            .as_ref()
            .unwrap_or_else(|| unreachable!("a guard is held until it is dropped"))
    }
}

impl Guard for WatchedGuard {
    fn session(&self) -> Option<SessionId> {
        self.inner().session()
    }

    fn check(&self) -> Result<(), Rejected> {
        self.inner().check()
    }

    fn closing(&self) -> Closing<'_> {
        self.inner().closing()
    }

    fn progress(&self, step: &'static str) {
        self.inner().progress(step);
    }
}

impl Drop for WatchedGuard {
    fn drop(&mut self) {
        let session = self.session();
        let was_closing = |session| self.sessions.state(session) == Some(SessionState::Closing);
        let closing = session.filter(|session| was_closing(*session));
        drop(self.inner.take());
        if let Some(session) = closing
            && self.sessions.state(session) != Some(SessionState::Closing)
        {
            self.witness.session(session, SessionState::Closed);
        }
    }
}

impl fmt::Debug for WatchedGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WatchedGuard").field(&self.inner).finish()
    }
}
