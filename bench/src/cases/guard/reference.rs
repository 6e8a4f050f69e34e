//! What a user would build of tokio-util: a map of sessions, each a `CancellationToken` and a `TaskTracker`.

use dashmap::DashMap;
use tidegate_guard::SessionId;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// The sessions by id.
#[derive(Debug, Default)]
pub(super) struct Reference {
    sessions: DashMap<SessionId, (CancellationToken, TaskTracker)>,
}

impl Reference {
    pub(super) fn open(ids: &[SessionId]) -> Self {
        let reference = Self::default();
        reference.create(ids);
        reference
    }

    pub(super) fn create(&self, ids: &[SessionId]) {
        for id in ids {
            let session = (CancellationToken::new(), TaskTracker::new());
            self.sessions.insert(*id, session);
        }
    }

    /// A token of an open session, with what its holder would look at before each step.
    pub(super) fn enter(&self, id: SessionId) -> Option<(TaskTrackerToken, CancellationToken)> {
        let session = self.sessions.get(&id)?;
        let (closing, holders) = session.value();
        (!closing.is_cancelled()).then(|| (holders.token(), closing.clone()))
    }

    pub(super) fn close(&self, ids: &[SessionId]) {
        for id in ids {
            if let Some(session) = self.sessions.get(id) {
                let (closing, holders) = session.value();
                closing.cancel();
                holders.close();
            }
        }
    }

    /// Waits until nobody holds them, and forgets them.
    pub(super) async fn drain(&self, ids: &[SessionId]) {
        for id in ids {
            let found = self.sessions.remove(id);
            if let Some((_, (_, holders))) = found {
                holders.wait().await;
            }
        }
    }

    pub(super) fn count(&self) -> usize {
        self.sessions.len()
    }
}
