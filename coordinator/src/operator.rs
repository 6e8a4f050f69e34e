//! What an operator may ask for.

mod ending;
mod nodes;
mod submit;

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tidegate_tablets::{
    Accepted, Change, Epoch, MetadataStore, NodeId, Reason, Refused, ReplicaSpec, StoreStopped, TableId,
    Tablet, TabletId, TransitionKind,
};

use self::ending::Seen;
use crate::RetryConfig;
use crate::config::Schedule;

pub use self::ending::Ended;

/// What an operator may ask for. Each ask is one change in the metadata; a [`Coordinator`](crate::Coordinator)
/// anywhere does the rest.
///
/// A proposal whose outcome is not known is sent again by the same name until the deadline, so that nothing is done
/// twice.
pub struct Operator {
    store: Arc<dyn MetadataStore>,
    config: OperatorConfig,
    schedule: Schedule,
    sequence: AtomicU64,
    begun: Mutex<VecDeque<(TabletId, Epoch, Seen)>>,
}

/// The bounds of an [`Operator`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorConfig {
    /// How long one ask may take. Default: 30 s.
    pub deadline: Duration,
    /// The delay before a proposal is sent again; doubles. Default: 20 ms.
    pub delay_min: Duration,
    /// The longest such delay. Default: 1 s.
    pub delay_max: Duration,
    /// Becomes part of the names of proposals. Two operators that may ask for the same at the same moment, and both
    /// mean it (two tables of one name, say), need different ones. Default: 0.
    pub origin: u32,
    /// Transitions begun here that are remembered, to tell later how they ended. Default: 4096.
    pub begun_kept: usize,
}

impl Default for OperatorConfig {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(30),
            delay_min: Duration::from_millis(20),
            delay_max: Duration::from_secs(1),
            origin: 0,
            begun_kept: 4096,
        }
    }
}

/// Why an operator's ask is not done, or is not known to be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OperatorError {
    /// The metadata does not allow it; nothing changed.
    #[error("refused: {0}")]
    Refused(Refused),
    /// It may or may not come to pass: look at the metadata before asking again.
    #[error("the outcome is not known after {waited:?}: {reason}")]
    Unknown {
        /// How long it was tried.
        waited: Duration,
        /// What the store said last.
        reason: String,
    },
    /// The store did not take it: nothing changed, ask again later.
    #[error("not taken within {waited:?}: {reason}")]
    NotTaken {
        /// How long it was tried.
        waited: Duration,
        /// What the store said last.
        reason: String,
    },
    /// The transition has ended, and others of the tablet since: how is no longer to be seen. Look at the replicas.
    #[error("the transition has ended, and what is left does not tell how")]
    Missed,
    /// The store was stopped.
    #[error(transparent)]
    Stopped(#[from] StoreStopped),
}

impl Operator {
    /// Asks through `store`, with the default bounds.
    #[must_use]
    pub fn new(store: Arc<dyn MetadataStore>) -> Self {
        Self::with_config(store, OperatorConfig::default())
    }

    /// Asks through `store`.
    #[must_use]
    pub fn with_config(store: Arc<dyn MetadataStore>, config: OperatorConfig) -> Self {
        let schedule = Schedule::new(&RetryConfig {
            delay_min: config.delay_min,
            delay_max: config.delay_max,
            ..RetryConfig::default()
        });
        Self {
            store,
            config,
            schedule,
            sequence: AtomicU64::new(0),
            begun: Mutex::default(),
        }
    }

    /// Makes a node a member.
    ///
    /// # Errors
    ///
    /// [`OperatorError`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, it may still come to pass.
    pub async fn add_node(&self, node: NodeId) -> Result<(), OperatorError> {
        self.submit(Change::AddNode { node }).await.map(drop)
    }

    /// Makes a table with as many tablets as there are replica sets.
    ///
    /// # Errors
    ///
    /// [`OperatorError`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, it may still come to pass.
    pub async fn create_table(
        &self,
        name: impl Into<String>,
        replicas: Vec<ReplicaSpec>,
    ) -> Result<TableId, OperatorError> {
        match self
            .submit(Change::CreateTable {
                name: name.into(),
                replicas,
            })
            .await?
        {
            Accepted::Table(table) => Ok(table),
            other => Err(strange(&other)),
        }
    }

    /// Drops a table, with its tablets and their transitions.
    ///
    /// # Errors
    ///
    /// [`OperatorError`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, it may still come to pass.
    pub async fn drop_table(&self, table: TableId) -> Result<(), OperatorError> {
        self.submit(Change::DropTable { table }).await.map(drop)
    }

    /// Begins to move a replica: answers the epoch that names the transition.
    ///
    /// # Errors
    ///
    /// [`OperatorError`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, the move may still begin.
    pub async fn move_tablet(
        &self,
        tablet: TabletId,
        from: NodeId,
        to: NodeId,
    ) -> Result<Epoch, OperatorError> {
        self.begin(tablet, TransitionKind::Migration, Some(from), Some(to), 0)
            .await
    }

    /// Begins to replace an excluded replica: answers the epoch that names the transition.
    ///
    /// # Errors
    ///
    /// [`OperatorError`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, the rebuild may still begin.
    pub async fn rebuild(&self, tablet: TabletId, lost: NodeId, to: NodeId) -> Result<Epoch, OperatorError> {
        self.begin(tablet, TransitionKind::Rebuild, Some(lost), Some(to), 0)
            .await
    }

    /// Begins to drop tombstones up to a timestamp: answers the epoch that names the transition.
    ///
    /// # Errors
    ///
    /// [`OperatorError`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, the purge may still begin.
    pub async fn purge(&self, tablet: TabletId, floor: u64) -> Result<Epoch, OperatorError> {
        self.begin(tablet, TransitionKind::Purge, None, None, floor).await
    }

    /// Has a transition go back: accepted up to streaming.
    ///
    /// # Errors
    ///
    /// [`OperatorError`]; [`Refused::TooLate`] from where there is only forward.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, it may still come to pass.
    pub async fn cancel(&self, tablet: TabletId, begun: Epoch) -> Result<(), OperatorError> {
        self.submit(Change::Cancel { tablet, begun }).await.map(drop)
    }

    /// Says, for ever, that a node is stopped; with `give_up` also where this takes a tablet's quorum, and with it
    /// acknowledged writes.
    ///
    /// # Errors
    ///
    /// [`OperatorError`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, it may still come to pass.
    pub async fn exclude(&self, node: NodeId, give_up: bool) -> Result<(), OperatorError> {
        self.submit(Change::Exclude {
            node,
            give_up_quorum: give_up,
        })
        .await
        .map(drop)
    }

    /// Switches balancing on or off.
    ///
    /// # Errors
    ///
    /// [`OperatorError`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, it may still come to pass.
    pub async fn set_balancing(&self, on: bool) -> Result<(), OperatorError> {
        self.submit(Change::SetBalancing { on }).await.map(drop)
    }

    /// Lets a rebuild go on with the sources that are left: gives up acknowledged writes.
    ///
    /// # Errors
    ///
    /// [`OperatorError`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, it may still come to pass.
    pub async fn allow_fewer_sources(&self, tablet: TabletId) -> Result<(), OperatorError> {
        let change = |known: &Tablet| Change::AllowFewerSources {
            tablet,
            expected: known.epoch,
        };
        let done = |known: &Tablet| known.transition.as_ref().is_some_and(|now| now.fewer_sources);
        self.submit_at_epoch(tablet, change, done).await.map(drop)
    }

    async fn begin(
        &self,
        tablet: TabletId,
        kind: TransitionKind,
        leaving: Option<NodeId>,
        pending: Option<NodeId>,
        purge_floor: u64,
    ) -> Result<Epoch, OperatorError> {
        let seen = |known: &Tablet| Seen::planned(&known.replicas, leaving, pending);
        let change = |known: &Tablet| {
            let expected = known.epoch;
            Change::Begin {
                tablet,
                expected,
                kind,
                leaving,
                pending,
                purge_floor,
                reason: Reason::Operator,
            }
        };
        let done = |known: &Tablet| {
            known.transition.as_ref().is_some_and(|now| {
                now.kind == kind
                    && (now.leaving(), now.pending(), now.purge_floor) == (leaving, pending, purge_floor)
            })
        };
        let (before, accepted) = self.submit_at_epoch(tablet, change, done).await?;
        let begun = match accepted {
            Accepted::Epoch(begun) => begun,
            other => return Err(strange(&other)),
        };
        self.remember(tablet, begun, seen(&before));
        Ok(begun)
    }

    fn remember(&self, tablet: TabletId, begun: Epoch, seen: Seen) {
        let mut all = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        while all.len() >= self.config.begun_kept.max(1) {
            all.pop_front();
        }
        all.push_back((tablet, begun, seen));
    }

    fn remembered(&self, tablet: TabletId, begun: Epoch) -> Option<Seen> {
        let all = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .find(|entry| (entry.0, entry.1) == (tablet, begun))
            .map(|entry| entry.2.clone())
    }
}

fn strange(accepted: &Accepted) -> OperatorError {
    OperatorError::Unknown {
        waited: Duration::ZERO,
        reason: format!("the store answered another change: {accepted:?}"),
    }
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// `replicas` with one exchanged.
fn exchanged(
    replicas: &BTreeSet<NodeId>,
    leaving: Option<NodeId>,
    pending: Option<NodeId>,
) -> BTreeSet<NodeId> {
    let kept = replicas.iter().copied().filter(|node| Some(*node) != leaving);
    kept.chain(pending).collect()
}
