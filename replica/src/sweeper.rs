//! Deletes what the metadata no longer knows: staged data of sessions that are gone, tablets that went elsewhere.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use tidegate_guard::SessionId;
use tidegate_session::Sessions;
use tidegate_streaming::{EngineError, UnitId};
use tidegate_tablets::{Epoch, NodeId, RequestFence, TabletId};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, error, warn};

use crate::published::Published;
use crate::removals::Removals;
use crate::rules::{is_concerned, keeps_staged};
use crate::{ReplicaConfig, Storage};

/// After a panic of the engine's.
const LEFT: &str = "something is left until it is told of again, or until the next start";

/// Calls into the engine that the sweeper makes at once.
const ENGINE_CALLS_MAX: usize = 4;

/// Something to look after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    /// Look at what the engine holds instead of waiting to be told.
    Everything,
    Session(SessionId),
    Tablet(TabletId),
}

/// Deletes what the metadata no longer knows, once this node's own holders of it are gone.
///
/// It works only from published maps, so from nothing older than the first read barrier after the start. Each
/// session and each tablet waits for its own holders: one that is held for long keeps nothing but its own.
#[derive(Debug)]
pub(crate) struct Sweeper {
    node: NodeId,
    config: ReplicaConfig,
    sessions: Arc<dyn Sessions>,
    fence: Arc<RequestFence>,
    published: Arc<Published>,
    removals: Arc<Removals>,
    storage: Arc<dyn Storage>,
    engine: Semaphore,
    told: Mutex<BTreeSet<Item>>,
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
        Self {
            node,
            config,
            sessions,
            fence,
            published,
            removals,
            storage,
            engine: Semaphore::new(ENGINE_CALLS_MAX),
            told: Mutex::default(),
            more: Notify::new(),
        }
    }

    pub(crate) fn sessions_gone(&self, sessions: Vec<SessionId>) {
        self.add(sessions.into_iter().map(Item::Session));
    }

    pub(crate) fn tablets_left(&self, tablets: BTreeSet<TabletId>) {
        self.add(tablets.into_iter().map(Item::Tablet));
    }

    pub(crate) fn look_at_everything(&self) {
        self.add([Item::Everything]);
    }

    fn add(&self, items: impl IntoIterator<Item = Item>) {
        // Nothing under the lock panics. Bounded by the sessions and tablets that this node ever had at once.
        self.told
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(items);
        self.more.notify_one();
    }

    fn take(&self) -> BTreeSet<Item> {
        std::mem::take(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sweeps until it is dropped.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut tasks = JoinSet::<(Item, bool)>::new();
        // What is looked after, and whether it was told of again meanwhile: then it is looked at anew.
        let mut going: BTreeMap<Item, bool> = BTreeMap::new();
        loop {
            tokio::select! {
                biased;
                // No more of them than the other branch has begun, so that one always gets its turn.
                Some(ended) = tasks.join_next() => match ended {
                    Ok((item, has_ended)) => {
                        let again = going.remove(&item) == Some(true);
                        if !has_ended {
                            error!(?item, "{LEFT}");
                        } else if again {
                            self.add([item]);
                        }
                    }
                    Err(ended) => error!(%ended, "{LEFT}"),
                },
                () = self.more.notified() => {
                    for item in self.take() {
                        match going.entry(item) {
                            Entry::Occupied(mut again) => *again.get_mut() = true,
                            Entry::Vacant(new) => {
                                let looking = Arc::clone(&self).look_after(item);
                                // A panic of the engine's costs what it was about, and not the sweeper.
                                let mut looking = Box::pin(AssertUnwindSafe(looking).catch_unwind());
                                // What ends at once needs no task; what does not is polled anew in its own.
                                match looking.as_mut().now_or_never() {
                                    Some(Ok(_)) => {}
                                    Some(Err(_panic)) => error!(?item, "{LEFT}"),
                                    None => {
                                        new.insert(false);
                                        tasks.spawn(looking.map(move |ended| (item, ended.is_ok())));
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    async fn look_after(self: Arc<Self>, item: Item) -> Item {
        loop {
            let done = match item {
                Item::Everything => self.list().await,
                Item::Session(session) => self.discard(session).await,
                Item::Tablet(tablet) => self.remove(tablet).await,
            };
            let Err(error) = done else { return item };
            warn!(%error, ?item, "the sweeper tries again");
            sleep(self.config.sweep_retry).await;
        }
    }

    async fn list(&self) -> Result<(), EngineError> {
        let tablets = self.storage.tablets().await?;
        let staged = self.storage.staged().await?;
        let sessions = staged.into_iter().map(|(_, session)| Item::Session(session));
        self.add(tablets.into_iter().map(Item::Tablet).chain(sessions));
        Ok(())
    }

    async fn discard(&self, session: SessionId) -> Result<(), EngineError> {
        let tablet = TabletId::of_session(session);
        let Some(map) = self.published.map() else {
            return Ok(());
        };
        if keeps_staged(&map, self.node, session) {
            return Ok(());
        }
        drop(map);
        while !self.holders_gone(&[session]).await {}
        debug!(%tablet, %session, "discarding what was staged");
        // Never closed, so there is always a turn.
        let _turn = self.engine.acquire().await;
        self.storage.discard(UnitId::new(tablet.as_u64()), session).await
    }

    async fn remove(&self, tablet: TabletId) -> Result<(), EngineError> {
        loop {
            let Some(map) = self.published.map() else {
                return Ok(());
            };
            // Looked at again after each wait: of a tablet that came back there are always requests.
            if is_concerned(&map, self.node, tablet) {
                return Ok(());
            }
            drop(map);
            let closing: Vec<_> = self
                .sessions
                .closing_sessions()
                .into_iter()
                .filter(|session| TabletId::of_session(*session) == tablet)
                .collect();
            if !self.holders_gone(&closing).await {
                continue;
            }
            let requests = self.fence.older_ended(tablet, Epoch::MAX);
            if timeout(self.config.sweep_drain, requests).await.is_ok() {
                break;
            }
            warn!(%tablet, "requests still run on a tablet that this node is to delete");
        }
        let _turn = self.engine.acquire().await;
        self.removals.left_behind(tablet).await
    }

    /// Waits for a while until nobody holds the sessions; answers whether that came true.
    async fn holders_gone(&self, sessions: &[SessionId]) -> bool {
        let Err(left) = self.sessions.drain(sessions, self.config.sweep_drain).await else {
            return true;
        };
        for holder in &left.holders {
            warn!(%holder, "a closed session is still held");
        }
        false
    }
}
