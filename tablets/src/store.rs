//! The contract of a metadata store.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use thiserror::Error;

use crate::{Change, Metadata, Outcome, TabletId, Version};

/// Names a proposal, so that its repeat gets the same answer. Made by whoever proposes; never used for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u128);

/// Changes that are decided together, each accepted or refused by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Its name.
    pub request: RequestId,
    /// The changes, in order.
    pub changes: Vec<Change>,
}

/// The store was stopped: stop too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the metadata store was stopped")]
pub struct StoreStopped;

/// Why a proposal has no outcome.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProposeError {
    /// It may or may not come to pass: propose it again with the same request id, or look at the metadata.
    #[error("the outcome is not known: {0}")]
    Unknown(String),
    /// It did not come to pass, and may later: try again.
    #[error("the proposal was not taken: {0}")]
    NotTaken(String),
    /// It is longer than the store allows: split it.
    #[error("a proposal of {len} changes is over the limit of {max}")]
    TooLarge {
        /// Changes in the proposal.
        len: usize,
        /// Changes allowed.
        max: usize,
    },
    /// The store was stopped.
    #[error(transparent)]
    Stopped(#[from] StoreStopped),
}

/// One node's handle on the replicated log that holds the metadata.
#[async_trait]
pub trait MetadataStore: Send + Sync + fmt::Debug + 'static {
    /// Has changes decided by the log. When it returns, this node has applied them.
    ///
    /// # Errors
    ///
    /// [`ProposeError`], whose variants name the caller's next move.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, the proposal may still come to pass.
    async fn propose(&self, proposal: Proposal) -> Result<Vec<Outcome>, ProposeError>;

    /// Waits until this node's copy is at `version` or later. It has no deadline: drop it.
    ///
    /// # Errors
    ///
    /// [`StoreStopped`].
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits.
    async fn wait_applied(&self, version: Version) -> Result<(), StoreStopped>;

    /// Waits until this node's copy holds everything that was decided anywhere before the call, and answers the
    /// version it then has. It has no deadline: drop it.
    ///
    /// # Errors
    ///
    /// [`StoreStopped`].
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits.
    async fn read_barrier(&self) -> Result<Version, StoreStopped>;

    /// This node's copy as it is now.
    fn snapshot(&self) -> Arc<Metadata>;

    /// Follows this node's copy from now on. The first update is the copy as it is, with everything touched.
    fn changes(&self) -> Box<dyn Changes>;
}

/// Follows a node's copy of the metadata.
#[async_trait]
pub trait Changes: Send + fmt::Debug {
    /// The newest copy that was not given yet, and what differs from the one given before. States in between may
    /// be skipped, never the newest.
    ///
    /// # Errors
    ///
    /// [`StoreStopped`].
    ///
    /// # Cancel safety
    ///
    /// Safe: dropped before it completes, the next call gives the same or a newer update.
    async fn next(&mut self) -> Result<Update, StoreStopped>;
}

/// A newer copy of the metadata.
#[derive(Debug, Clone)]
pub struct Update {
    /// The copy.
    pub metadata: Arc<Metadata>,
    /// What may differ from the copy before.
    pub touched: Touched,
}

/// What may differ between two copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touched {
    /// These tablets, made, changed or gone; and anything that is no tablet.
    Tablets(BTreeSet<TabletId>),
    /// Anything: the first update, a snapshot that was installed, or too much to list.
    All,
}
