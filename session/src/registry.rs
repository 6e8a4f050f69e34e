//! The sessions of one node, in memory.

mod book;
mod entry;
mod guard;
mod index;
mod neighbour;
mod session;
mod shared;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_guard::{FrozenGuard, Label, Rejected, SessionId, SharedGuard, Thaw};
use tokio::time::{Instant, timeout};

pub use self::book::{OpenSessions, SessionBook, SessionDelta};
pub use self::entry::may_enter;
use self::guard::SessionGuard;
use self::shared::Shared;
use crate::{Holder, NotDrained, SessionConfig, SessionState, Sessions};

/// The sessions of one node, in memory; what they are made of lives in the metadata.
///
/// A session becomes closed when its last guard is dropped, whether anybody drains it or not. Guards may outlive
/// the registry's last handle. It counts through the `metrics` facade, to the recorder that is installed when it is
/// made.
pub struct SessionRegistry {
    config: SessionConfig,
    shared: Arc<Shared>,
}

impl SessionRegistry {
    /// A registry without sessions.
    #[must_use]
    pub fn new(config: SessionConfig) -> Arc<Self> {
        let shared = Arc::new(Shared::new(&config));
        Arc::new(Self { config, shared })
    }

    fn enter(&self, frozen: &FrozenGuard, applied: u64, label: Label) -> Result<SessionGuard, Rejected> {
        #[cfg(tidegate_mutants)]
        if tidegate_mutants::on("session-opened-on-demand") {
            self.apply(&[], &[frozen.session]);
        }
        let found = self.shared.find(frozen.session);
        may_enter(found.as_ref().map(|session| session.state()), frozen, applied)?;
        let session = found.ok_or(Rejected::Closed)?;
        SessionGuard::enter(&self.shared, frozen.session, session, label)
    }
}

impl Thaw for SessionRegistry {
    fn thaw(&self, frozen: &FrozenGuard, applied: u64, label: Label) -> Result<SharedGuard, Rejected> {
        match self.enter(frozen, applied, label) {
            Ok(guard) => Ok(Arc::new(guard)),
            Err(rejected) => {
                self.shared.meters().rejected(rejected);
                Err(rejected)
            }
        }
    }
}

#[async_trait]
impl Sessions for SessionRegistry {
    fn reconcile(&self, wanted: &BTreeSet<SessionId>) {
        self.shared.reconcile(wanted);
    }

    fn apply(&self, close: &[SessionId], open: &[SessionId]) {
        self.shared.apply(close, open);
    }

    fn state(&self, session: SessionId) -> Option<SessionState> {
        self.shared.state(session)
    }

    fn open_sessions(&self) -> Vec<SessionId> {
        self.shared.open_ids()
    }

    fn closing_sessions(&self) -> Vec<SessionId> {
        self.shared.closing_ids()
    }

    async fn drain(&self, sessions: &[SessionId], deadline: Duration) -> Result<(), NotDrained> {
        let waiting = self.shared.closing_among(sessions);
        if waiting.is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        if timeout(deadline, self.shared.drained(&waiting)).await.is_ok() {
            return Ok(());
        }
        // Those that drained meanwhile are no business of the report; if all did, just now, there is none.
        let mut holders = self.shared.left(&waiting);
        if holders.is_empty() {
            return Ok(());
        }
        let unnamed = holders.len().saturating_sub(self.config.holders_reported);
        holders.truncate(self.config.holders_reported);
        Err(NotDrained {
            holders,
            unnamed,
            waited: begun.elapsed(),
        })
    }

    fn holders(&self) -> Vec<Holder> {
        self.shared.holders()
    }
}

impl fmt::Debug for SessionRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionRegistry")
            .field("open", &self.shared.open_ids().len())
            .field("closing", &self.shared.closing_ids().len())
            .finish_non_exhaustive()
    }
}
