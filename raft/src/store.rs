//! The metadata store of one node.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use openraft::Raft;
use thiserror::Error;
use tidegate_tablets::{
    Changes, Metadata, MetadataStore, NodeId, Outcome, Proposal, ProposeError, StoreStopped, Version,
};
use tidegate_transport::Transport;
use tidegate_transport::service::Service;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tracing::debug;

use crate::RaftConfig;
use crate::asking::Unanswered;
use crate::codec::message::{Reply, Request};
use crate::config::ConfigError;
use crate::copy::{Bounds, Copy};
use crate::disk::Disk;
use crate::following::Following;
use crate::leaders::Leaders;
use crate::log::Log;
use crate::machine::{Machine, empty_state};
use crate::membership::{Emptied, MembershipChange, MembershipError};
use crate::network::Network;
use crate::node::Node;
use crate::observer::{Nobody, Observer};
use crate::service::RaftService;
use crate::status::RaftStatus;
use crate::watching;

/// Why a store did not start.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration makes no sense: correct it.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The disk could not be read, or what is on it is damaged.
    #[error("the store could not start from its disk: {0}")]
    Failed(String),
}

/// One node's handle on the cluster's metadata.
///
/// Stop it before its transport. Dropped, it stops by itself, a little later.
pub struct RaftStore {
    pub(crate) node: Arc<Node>,
    proposals: Semaphore,
}

impl RaftStore {
    /// Starts the store of the transport's node from what its disk holds. A disk that is empty is that of a node that
    /// belongs to no cluster: [found](Self::found) one from it, or [add](Self::change) it to one from another node. Where
    /// the node does belong to one, and has lost its disk, the store ends by itself, as [`emptied`](Self::emptied) says.
    ///
    /// Others reach it when its [service](Self::service) is on the node's router.
    ///
    /// # Errors
    ///
    /// [`StartError`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, nothing has started.
    pub async fn start(
        config: RaftConfig,
        transport: Arc<dyn Transport>,
        disk: Arc<dyn Disk>,
    ) -> Result<Arc<Self>, StartError> {
        Self::start_observed(config, transport, disk, Arc::new(Nobody)).await
    }

    /// The same, with someone who looks on while the node applies the log.
    ///
    /// # Errors
    ///
    /// [`StartError`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, nothing has started.
    pub async fn start_observed(
        config: RaftConfig,
        transport: Arc<dyn Transport>,
        disk: Arc<dyn Disk>,
        observer: Arc<dyn Observer>,
    ) -> Result<Arc<Self>, StartError> {
        let for_openraft = config.for_openraft()?;
        let id = NodeId::new(transport.local().as_u64());
        let bounds = Bounds {
            history_max: config.history_max,
            touched_max: config.touched_max,
        };
        let copy = Copy::new(empty_state(), bounds);
        let network = Network {
            transport: Arc::clone(&transport),
            append_deadline: config.call_deadline,
        };
        let machine = Machine::new(Arc::clone(&copy), Arc::clone(&disk), observer);
        let log = Log::new(disk);
        let failed = |error: &dyn fmt::Display| StartError::Failed(error.to_string());
        let disk = log.disk_id().await.map_err(|error| failed(&error))?;
        let starting = Raft::new(id.as_u64(), for_openraft, network, log, machine);
        let raft = Box::pin(starting).await.map_err(|error| failed(&error))?;
        tokio::spawn(watching::stop_with(raft.clone(), Arc::clone(&copy)));
        tokio::spawn(watching::elect_once_named(
            raft.clone(),
            Arc::clone(&copy),
            id.as_u64(),
            disk,
        ));
        let proposals = Semaphore::new(config.proposals_max);
        let node = Arc::new(Node {
            id,
            disk,
            config,
            transport,
            raft,
            copy,
            emptied: OnceLock::new(),
        });
        Ok(Arc::new(Self { node, proposals }))
    }

    /// The node.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.node.id
    }

    /// What answers the other nodes: goes on the node's router, as [`RAFT_SERVICE`](crate::RAFT_SERVICE).
    #[must_use]
    pub fn service(&self) -> Arc<dyn Service> {
        Arc::new(RaftService::new(Arc::clone(&self.node)))
    }

    /// Changes who takes part in the log, or who leads. From any node: the leader does it. Bounded by
    /// [`membership_deadline`](RaftConfig::membership_deadline).
    ///
    /// # Errors
    ///
    /// [`MembershipError`], whose variants name the caller's next move.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, the change may be made.
    pub async fn change(&self, change: MembershipChange) -> Result<(), MembershipError> {
        let deadline = self.node.config.membership_deadline;
        let request = Request::Change { change, deadline };
        let asked = self.node.ask(&request, Some(Instant::now() + deadline));
        let reply = tokio::select! {
            biased;
            stopped = self.node.copy.stopped() => return Err(stopped.into()),
            reply = asked => reply,
        };
        match reply {
            Ok(Reply::Changed) => Ok(()),
            Ok(Reply::Refused { reason }) => Err(MembershipError::Refused(reason)),
            Ok(other) => Err(MembershipError::Unknown(format!(
                "not the reply to that: {other:?}"
            ))),
            Err(Unanswered { maybe: true, why }) => Err(MembershipError::Unknown(why)),
            Err(Unanswered { maybe: false, why }) => Err(MembershipError::NotDone(why)),
        }
    }

    /// Has another voter lead, if this node leads and there is another: before it stops. It picks the one that is furthest
    /// of those that it has heard of lately, tries once, and is content with whoever comes to lead.
    ///
    /// # Errors
    ///
    /// [`MembershipError`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, the other may lead.
    pub async fn hand_over(&self) -> Result<(), MembershipError> {
        tokio::select! {
            biased;
            stopped = self.node.copy.stopped() => Err(stopped.into()),
            handed = self.node.step_aside() => handed.map_err(MembershipError::NotDone),
        }
    }

    /// What this node knows of the log and of those who take part.
    #[must_use]
    pub fn status(&self) -> RaftStatus {
        let (version, stopped) = (self.snapshot().version, self.node.copy.is_stopped());
        RaftStatus::new(&self.node.metrics(), version, stopped)
    }

    /// Who leads, as far as this node knows.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        self.node.leader()
    }

    /// Follows who leads.
    #[must_use]
    pub fn leaders(&self) -> Leaders {
        Leaders::new(self.node.raft.metrics())
    }

    /// Makes a snapshot soon, however many entries there are since the last.
    ///
    /// # Errors
    ///
    /// [`StoreStopped`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, the snapshot may be made.
    pub async fn make_snapshot(&self) -> Result<(), StoreStopped> {
        self.node
            .raft
            .trigger()
            .snapshot()
            .await
            .map_err(|_| StoreStopped)
    }

    /// Stops: whoever waits, or comes later, is told so, and what has begun on the disk ends. The copy can still be
    /// looked at.
    ///
    /// # Cancel safety
    ///
    /// Safe: the stop goes on; call again to wait.
    pub async fn stop(&self) {
        self.node.stop().await;
    }

    /// Why the store has ended by itself, if it is that its disk is not the one with which the node takes part.
    #[must_use]
    pub fn emptied(&self) -> Option<&Emptied> {
        self.node.emptied.get()
    }

    async fn decide(&self, proposal: Proposal) -> Result<Vec<Outcome>, ProposeError> {
        let config = &self.node.config;
        let deadline = Instant::now() + config.propose_deadline;
        let Ok(turn) = timeout_at(deadline, self.proposals.acquire()).await else {
            return Err(ProposeError::NotTaken("too many proposals wait here".to_owned()));
        };
        let _turn = turn.map_err(|_| StoreStopped)?;
        let answer = if let Some(answer) = self.node.copy.recall(proposal.request) {
            answer
        } else {
            let request = Request::Propose {
                proposal,
                deadline: config.propose_deadline,
            };
            match self.node.ask(&request, Some(deadline)).await {
                Ok(Reply::Decided(answer)) => answer,
                Ok(Reply::Refused { reason }) => return Err(ProposeError::NotTaken(reason)),
                Ok(other) => return Err(ProposeError::Unknown(format!("not the reply to that: {other:?}"))),
                Err(Unanswered { maybe: true, why }) => return Err(ProposeError::Unknown(why)),
                Err(Unanswered { maybe: false, why }) => return Err(ProposeError::NotTaken(why)),
            }
        };
        match timeout_at(deadline, self.node.copy.wait_version(answer.version)).await {
            Ok(applied) => applied.map_err(ProposeError::from)?,
            Err(_) => {
                let why = format!(
                    "decided as version {}, which this node has not yet",
                    answer.version
                );
                return Err(ProposeError::Unknown(why));
            }
        }
        Ok(answer.outcomes)
    }
}

#[async_trait]
impl MetadataStore for RaftStore {
    async fn propose(&self, proposal: Proposal) -> Result<Vec<Outcome>, ProposeError> {
        if self.node.copy.is_stopped() {
            return Err(StoreStopped.into());
        }
        let (len, max) = (proposal.changes.len(), self.node.config.proposal_changes_max);
        if len > max {
            return Err(ProposeError::TooLarge { len, max });
        }
        tokio::select! {
            biased;
            stopped = self.node.copy.stopped() => Err(stopped.into()),
            decided = self.decide(proposal) => decided,
        }
    }

    async fn wait_applied(&self, version: Version) -> Result<(), StoreStopped> {
        self.node.copy.wait_version(version).await
    }

    async fn read_barrier(&self) -> Result<Version, StoreStopped> {
        let asked = async {
            loop {
                if let Ok(Reply::ReadIndex { index }) = self.node.ask(&Request::ReadIndex, None).await {
                    return self.node.copy.wait_entries(index + 1).await;
                }
                debug!("a leader did not understand what a read barrier asks");
                tokio::time::sleep(self.node.config.retry_max.max(Duration::from_millis(1))).await;
            }
        };
        tokio::select! {
            biased;
            stopped = self.node.copy.stopped() => Err(stopped),
            version = asked => version,
        }
    }

    fn snapshot(&self) -> Arc<Metadata> {
        self.node.copy.metadata()
    }

    fn changes(&self) -> Box<dyn Changes> {
        Box::new(Following::new(Arc::clone(&self.node.copy)))
    }
}

impl Drop for RaftStore {
    fn drop(&mut self) {
        self.node.copy.stop();
        let raft = self.node.raft.clone();
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { raft.shutdown().await });
        }
    }
}

impl fmt::Debug for RaftStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RaftStore")
            .field("node", &self.node.id)
            .field("version", &self.snapshot().version)
            .field("leader", &self.leader())
            .finish_non_exhaustive()
    }
}
