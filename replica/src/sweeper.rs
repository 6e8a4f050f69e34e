//! Deletes what the metadata no longer knows: staged data of sessions that are gone, tablets that went elsewhere.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use tidegate_guard::SessionId;
use tidegate_session::Sessions;
use tidegate_streaming::{EngineError, UnitId};
use tidegate_tablets::{Epoch, NodeId, RequestFence, TabletId};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use crate::published::Published;
use crate::removals::Removals;
use crate::{ReplicaConfig, Storage};

#[derive(Debug, Default)]
struct Work {
    /// Look at what the engine holds instead of waiting to be told.
    everything: bool,
    sessions: BTreeSet<SessionId>,
    tablets: BTreeSet<TabletId>,
}

/// Deletes what the metadata no longer knows, once this node's own holders of it are gone.
///
/// It works only from published maps, so from nothing older than the first read barrier after the start.
#[derive(Debug)]
pub(crate) struct Sweeper {
    node: NodeId,
    config: ReplicaConfig,
    sessions: Arc<dyn Sessions>,
    fence: Arc<RequestFence>,
    published: Arc<Published>,
    removals: Arc<Removals>,
    storage: Arc<dyn Storage>,
    work: Mutex<Work>,
    more: Notify,
}

impl Sweeper {
    pub(crate) fn new(
        node: NodeId,
        config: ReplicaConfig,
        sessions: Arc<dyn Sessions>,
        fence: Arc<RequestFence>,
        published: Arc<Published>,
        removals: Arc<Removals>,
        storage: Arc<dyn Storage>,
    ) -> Self {
        let work = Mutex::default();
        Self {
            node,
            config,
            sessions,
            fence,
            published,
            removals,
            storage,
            work,
            more: Notify::new(),
        }
    }

    pub(crate) fn sessions_gone(&self, sessions: Vec<SessionId>) {
        self.add(|work| work.sessions.extend(sessions));
    }

    pub(crate) fn tablets_left(&self, tablets: BTreeSet<TabletId>) {
        self.add(|work| work.tablets.extend(tablets));
    }

    pub(crate) fn look_at_everything(&self) {
        self.add(|work| work.everything = true);
    }

    fn add(&self, change: impl FnOnce(&mut Work)) {
        // Nothing under the lock panics. Bounded by the sessions and tablets that this node ever had at once.
        change(&mut self.work.lock().unwrap_or_else(PoisonError::into_inner));
        self.more.notify_one();
    }

    fn take(&self) -> Work {
        std::mem::take(&mut self.work.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sweeps until it is dropped.
    pub(crate) async fn run(&self) {
        loop {
            self.more.notified().await;
            let mut work = self.take();
            while let Err(error) = self.sweep(&mut work).await {
                warn!(%error, "the sweeper tries again");
                sleep(self.config.sweep_retry).await;
                let newer = self.take();
                work.everything |= newer.everything;
                work.sessions.extend(newer.sessions);
                work.tablets.extend(newer.tablets);
            }
        }
    }

    /// Does the work, and takes out of it what is done.
    async fn sweep(&self, work: &mut Work) -> Result<(), EngineError> {
        if work.everything {
            work.tablets.extend(self.storage.tablets().await?);
            let staged = self.storage.staged().await?;
            work.sessions
                .extend(staged.into_iter().map(|(_, session)| session));
            work.everything = false;
        }
        while let Some(session) = work.sessions.first().copied() {
            self.discard(session).await?;
            work.sessions.remove(&session);
        }
        while let Some(tablet) = work.tablets.first().copied() {
            self.remove(tablet).await?;
            work.tablets.remove(&tablet);
        }
        Ok(())
    }

    async fn discard(&self, session: SessionId) -> Result<(), EngineError> {
        let tablet = TabletId::of_session(session);
        let Some(map) = self.published.map() else {
            return Ok(());
        };
        if map.session_of(tablet, self.node) == Some(session) {
            return Ok(());
        }
        drop(map);
        self.holders_gone(&[session]).await;
        debug!(%tablet, %session, "discarding what was staged");
        self.storage.discard(UnitId::new(tablet.as_u64()), session).await
    }

    async fn remove(&self, tablet: TabletId) -> Result<(), EngineError> {
        let Some(map) = self.published.map() else {
            return Ok(());
        };
        if map.tablets.get(&tablet).is_some_and(|t| t.concerns(self.node)) {
            return Ok(());
        }
        drop(map);
        let closing: Vec<_> = self
            .sessions
            .closing_sessions()
            .into_iter()
            .filter(|session| TabletId::of_session(*session) == tablet)
            .collect();
        self.holders_gone(&closing).await;
        while timeout(
            self.config.sweep_drain,
            self.fence.older_ended(tablet, Epoch::MAX),
        )
        .await
        .is_err()
        {
            warn!(%tablet, "requests still run on a tablet that this node is to delete");
        }
        self.removals.left_behind(tablet).await
    }

    async fn holders_gone(&self, sessions: &[SessionId]) {
        while let Err(left) = self.sessions.drain(sessions, self.config.sweep_drain).await {
            for holder in &left.holders {
                warn!(%holder, "a closed session is still held");
            }
        }
    }
}
