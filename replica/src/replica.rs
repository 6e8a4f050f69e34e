//! A node's side of all transitions.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tidegate_session::Sessions;
use tidegate_streaming::{Puller, StreamService, StreamingContext};
use tidegate_tablets::{
    AdmitError, Epoch, Metadata, MetadataGuard, MetadataStore, NodeId, RequestFence, TabletId, Version,
};
use tidegate_transport::Transport;
use tidegate_transport::rpc::RpcService;
use tidegate_transport::service::{Service, ServiceId};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tracing::warn;

use crate::admission::SourceAdmission;
use crate::applier::Applier;
use crate::barrier::Barrier;
use crate::control::Control;
use crate::operations::{OperationTask, Operations};
use crate::published::{Published, WaitError};
use crate::removals::Removals;
use crate::sweeper::Sweeper;
use crate::{CONTROL_SERVICE, ReplicaConfig, STREAM_SERVICE, Storage, following, meters};

/// What a replica is made of; the caller brings all of it.
#[derive(Debug)]
pub struct ReplicaParts {
    /// This node.
    pub node: NodeId,
    /// Its handle on the metadata.
    pub store: Arc<dyn MetadataStore>,
    /// Its sessions, new at every start, as a closed one never opens again. Nobody else opens or closes any.
    pub sessions: Arc<dyn Sessions>,
    /// Its data.
    pub storage: Arc<dyn Storage>,
    /// Its way to the others.
    pub transport: Arc<dyn Transport>,
    /// What its streams share.
    pub streaming: StreamingContext,
    /// Limits of the rest.
    pub config: ReplicaConfig,
}

/// Why a request was not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AdmissionError {
    /// This node is neither replica nor participant of the tablet: ask another, by a newer map.
    #[error("this node is no replica of the tablet")]
    NotReplica,
    /// The request's epoch is below the fence: forget its answers, and start again at `wanted`.
    #[error("the request is of an older epoch; epoch {wanted} is wanted")]
    Stale {
        /// The lowest epoch that is admitted.
        wanted: Epoch,
    },
    /// This node did not come to know of the request's epoch within the deadline: ask again, or another.
    #[error("this node is behind")]
    Behind,
    /// The replica or its store was stopped, or it has not started yet.
    #[error("the replica is not running")]
    NotRunning,
}

/// A node's side of all transitions: applies metadata, keeps sessions, answers barriers and operations.
#[derive(Debug)]
pub struct Replica {
    node: NodeId,
    config: ReplicaConfig,
    published: Arc<Published>,
    fence: Arc<RequestFence>,
    sessions: Arc<dyn Sessions>,
    removals: Arc<Removals>,
    operations: Arc<Operations>,
    control: Arc<RpcService<Control>>,
    streams: Arc<StreamService>,
    tasks: Mutex<JoinSet<()>>,
}

impl Replica {
    /// Starts to follow the metadata. Until the first read barrier has ended, nothing is served.
    ///
    /// Needs a tokio runtime.
    #[must_use]
    pub fn start(parts: ReplicaParts) -> Arc<Self> {
        let ReplicaParts {
            node,
            store,
            sessions,
            storage,
            transport,
            streaming,
            config,
        } = parts;
        let published = Arc::new(Published::new());
        let fence = Arc::new(RequestFence::new());
        let removals = Arc::new(Removals::new(node, Arc::clone(&storage), Arc::clone(&published)));
        let sweeper = Arc::new(Sweeper::new(
            node,
            config.clone(),
            Arc::clone(&sessions),
            Arc::clone(&fence),
            Arc::clone(&published),
            Arc::clone(&removals),
            Arc::clone(&storage),
        ));
        let task = OperationTask {
            node,
            sessions: Arc::clone(&sessions),
            published: Arc::clone(&published),
            removals: Arc::clone(&removals),
            storage: Arc::clone(&storage),
            puller: Puller::new(
                Arc::clone(&transport),
                Arc::clone(&storage) as _,
                streaming.clone(),
            ),
        };
        let operations = Arc::new(Operations::new(task, config.clone()));
        let admission = admission(node, &sessions, &published);
        let streams = StreamService::new(Arc::clone(&storage) as _, admission, streaming.clone());
        let applier = Applier::new(
            node,
            Arc::clone(&sessions),
            Arc::clone(&fence),
            Arc::clone(&published),
            Arc::clone(&removals),
            Arc::clone(&sweeper),
            Arc::clone(&storage),
            Arc::clone(&transport),
            streaming,
        );
        let barrier = Barrier {
            sessions: Arc::clone(&sessions),
            fence: Arc::clone(&fence),
            published: Arc::clone(&published),
            removals: Arc::clone(&removals),
            holders_named_max: config.holders_named_max,
        };
        let control = control(barrier, &operations, &config);
        let tasks = run(store, applier, sweeper);
        Arc::new(Self {
            node,
            config,
            published,
            fence,
            sessions,
            removals,
            operations,
            control,
            streams: Arc::new(streams),
            tasks: Mutex::new(tasks),
        })
    }

    /// This node.
    #[must_use]
    pub const fn node(&self) -> NodeId {
        self.node
    }

    /// The services to put on the node's router.
    #[must_use]
    pub fn services(&self) -> Vec<(ServiceId, Arc<dyn Service>)> {
        vec![
            (CONTROL_SERVICE, Arc::clone(&self.control) as _),
            (STREAM_SERVICE, Arc::clone(&self.streams) as _),
        ]
    }

    /// The map that this node has applied; none before the first read barrier has ended, and after a stop, its own or
    /// that of its store.
    #[must_use]
    pub fn map(&self) -> Option<Arc<Metadata>> {
        self.published.map()
    }

    /// The request fence.
    #[must_use]
    pub fn fence(&self) -> &RequestFence {
        &self.fence
    }

    /// Waits until this node has applied `version`.
    ///
    /// # Errors
    ///
    /// [`WaitError`].
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits.
    pub async fn wait_version(
        &self,
        version: Version,
        deadline: Duration,
    ) -> Result<Arc<Metadata>, WaitError> {
        self.published.wait_version(version, deadline).await
    }

    /// Waits until this node has applied the tablet's `epoch`, or that the tablet is gone.
    ///
    /// # Errors
    ///
    /// [`WaitError`].
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits.
    pub async fn wait_epoch(
        &self,
        tablet: TabletId,
        epoch: Epoch,
        deadline: Duration,
    ) -> Result<Arc<Metadata>, WaitError> {
        self.published.wait_epoch(tablet, epoch, deadline).await
    }

    /// Admits a request of that epoch, for as long as the guard lives; waits for the metadata if the epoch is
    /// ahead of it.
    ///
    /// # Errors
    ///
    /// [`AdmissionError`], whose variants name the caller's next move.
    ///
    /// # Cancel safety
    ///
    /// Safe: a request that waits holds up no barrier.
    pub async fn admit(
        &self,
        tablet: TabletId,
        epoch: Epoch,
        deadline: Duration,
    ) -> Result<MetadataGuard, AdmissionError> {
        let admitted = self.try_admit(tablet, epoch, deadline).await;
        if let Err(error) = &admitted {
            meters::not_admitted(*error);
        }
        admitted
    }

    async fn try_admit(
        &self,
        tablet: TabletId,
        epoch: Epoch,
        deadline: Duration,
    ) -> Result<MetadataGuard, AdmissionError> {
        let until = Instant::now() + deadline;
        loop {
            if self.published.map().is_none() {
                return Err(AdmissionError::NotRunning);
            }
            let refused = match self.fence.admit(tablet, epoch) {
                Ok(guard) if self.shows(tablet, epoch) => {
                    // The map shows the epoch; see `Removals` for why the look comes after.
                    self.removals.idle(tablet).await;
                    return Ok(guard);
                }
                // The fence knows of an epoch a moment before the map does.
                Ok(guard) => {
                    drop(guard);
                    let left = until.saturating_duration_since(Instant::now());
                    self.wait_ahead(tablet, epoch, left).await?;
                    continue;
                }
                Err(refused) => refused,
            };
            let left = until.saturating_duration_since(Instant::now());
            match refused {
                AdmitError::Stale { wanted } => return Err(AdmissionError::Stale { wanted }),
                AdmitError::Ahead { .. } => self.wait_ahead(tablet, epoch, left).await?,
                AdmitError::NotReplica => {
                    // A node that is to become replica by metadata that it has not applied yet is no replica in
                    // its own: it waits for the epoch, and only then says no.
                    let known = self
                        .published
                        .map()
                        .and_then(|map| map.tablets.get(&tablet).map(|t| t.epoch));
                    if known.is_some_and(|known| known >= epoch) {
                        return Err(AdmissionError::NotReplica);
                    }
                    self.wait_ahead(tablet, epoch, left).await?;
                    if self.fence.fence(tablet).is_none() {
                        return Err(AdmissionError::NotReplica);
                    }
                }
            }
        }
    }

    fn shows(&self, tablet: TabletId, epoch: Epoch) -> bool {
        let map = self.published.map();
        map.is_some_and(|map| map.tablets.get(&tablet).is_some_and(|t| t.epoch >= epoch))
    }

    async fn wait_ahead(
        &self,
        tablet: TabletId,
        epoch: Epoch,
        deadline: Duration,
    ) -> Result<(), AdmissionError> {
        match self.published.wait_epoch(tablet, epoch, deadline).await {
            Ok(_) => Ok(()),
            Err(WaitError::Behind { .. }) => Err(AdmissionError::Behind),
            Err(WaitError::Stopped) => Err(AdmissionError::NotRunning),
        }
    }

    /// Stops admitting, closes all sessions of this node, waits for their holders and for admitted requests within
    /// the configured time, and aborts what is left. The metadata is not touched: after a restart the node goes on
    /// where it was.
    ///
    /// # Cancel safety
    ///
    /// Call again: what was stopped stays stopped.
    pub async fn stop(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
        let map = self.published.last();
        let tablets: Vec<TabletId> = map
            .map(|map| map.tablets_of(self.node).collect())
            .unwrap_or_default();
        self.published.withdraw();
        for tablet in &tablets {
            self.fence.forget(*tablet);
        }
        self.sessions.reconcile(&std::collections::BTreeSet::new());
        let closing = self.sessions.closing_sessions();
        let requests = async {
            for tablet in &tablets {
                self.fence.older_ended(*tablet, Epoch::MAX).await;
            }
        };
        let wait = self.config.stop_drain;
        let (requests, sessions) = tokio::join!(timeout(wait, requests), self.sessions.drain(&closing, wait));
        if requests.is_err() {
            warn!("requests still run at the stop");
        }
        if let Err(left) = sessions {
            for holder in &left.holders {
                warn!(%holder, "still held at the stop");
            }
        }
        self.operations.stop().await;
    }
}

fn admission(node: NodeId, sessions: &Arc<dyn Sessions>, published: &Arc<Published>) -> Arc<SourceAdmission> {
    let (sessions, published) = (Arc::clone(sessions), Arc::clone(published));
    Arc::new(SourceAdmission {
        node,
        sessions,
        published,
    })
}

fn control(
    barrier: Barrier,
    operations: &Arc<Operations>,
    config: &ReplicaConfig,
) -> Arc<RpcService<Control>> {
    let control = Control {
        config: config.clone(),
        published: Arc::clone(&barrier.published),
        barrier,
        operations: Arc::clone(operations),
    };
    Arc::new(RpcService::new(control).with_caller_wait(config.caller_wait))
}

fn run(store: Arc<dyn MetadataStore>, applier: Applier, sweeper: Arc<Sweeper>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(following::follow(store, applier));
    tasks.spawn(sweeper.run());
    tasks
}
