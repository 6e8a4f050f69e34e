//! What a storage engine must do so that its rows can be streamed.
//!
//! All calls are made on a runtime's own threads, and looked at once before they get a task: what takes longer than a
//! batch takes to encode, such as the disk, goes to a thread of the engine's choice.

use std::fmt;

use async_trait::async_trait;
use thiserror::Error;
use tidegate_guard::{Rejected, SessionId, SharedGuard};
use tidegate_transport::PeerId;

use crate::{Batch, Position, UnitId};

/// Why an engine did not do what it was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The guard refused before anything was done: begin nothing more under it.
    #[error("the guard refused")]
    Rejected(#[from] Rejected),
    /// No room; nothing of the call was done: free some, or give the stream up.
    #[error("no room on the engine's disk")]
    DiskFull,
    /// A batch that this engine cannot decode; nothing of the call was done: give the stream up.
    #[error("a batch of rows that cannot be decoded: {0}")]
    Decode(String),
    /// The unit, or its staging area, is gone: stop.
    #[error("the unit or its staging area is gone")]
    Gone,
    /// Anything else. Whether the call took effect is not known until it is repeated; all calls may be.
    #[error("the engine failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The engine at the end that has the rows.
#[async_trait]
pub trait SourceEngine: Send + Sync + fmt::Debug + 'static {
    /// A snapshot of the unit's rows, in order of their positions, from just after `from`.
    ///
    /// Rows written later do not show in it. A unit of which the engine holds nothing is empty, not an error.
    ///
    /// # Errors
    ///
    /// [`EngineError`]; [`EngineError::Rejected`] when `guard.check()` fails.
    async fn snapshot(
        &self,
        unit: UnitId,
        guard: SharedGuard,
        from: Option<Position>,
    ) -> Result<Box<dyn Scan>, EngineError>;
}

/// A snapshot that is read batch by batch.
#[async_trait]
pub trait Scan: Send + fmt::Debug {
    /// The next rows: about `bytes_max` bytes of them (one row at least, however large); `None` at the end.
    ///
    /// # Errors
    ///
    /// [`EngineError`]; final for the scan.
    ///
    /// # Cancel safety
    ///
    /// Not safe: rows may be skipped; the scan must be dropped.
    async fn next(&mut self, bytes_max: usize) -> Result<Option<Batch>, EngineError>;
}

/// The engine at the end that receives the rows.
///
/// What is received is staged per (unit, session, source) and is not visible to any reader, nor to
/// [`SourceEngine::snapshot`], before [`Staging::attach`].
///
/// A call that has started is never abandoned by its callers, and holds `guard` until it has really ended, also
/// when the future it returned is dropped: what runs on a blocking thread takes a clone of the guard along.
#[async_trait]
pub trait TargetEngine: Send + Sync + fmt::Debug + 'static {
    /// The staging area of a unit and session: the one that exists, with what it holds, else a new one.
    ///
    /// # Errors
    ///
    /// [`EngineError`]; [`EngineError::Rejected`] when `guard.check()` fails.
    async fn staging(
        &self,
        unit: UnitId,
        session: SessionId,
        guard: SharedGuard,
    ) -> Result<Box<dyn Staging>, EngineError>;

    /// Drops staged rows, positions and the mark of an attach of that unit and session. Rows that were attached
    /// stay. Nothing to drop is success. Called when the session is gone from the metadata.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    async fn discard(&self, unit: UnitId, session: SessionId) -> Result<(), EngineError>;

    /// Every unit and session of which something is staged, or a mark kept, in order.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    async fn staged(&self) -> Result<Vec<(UnitId, SessionId)>, EngineError>;
}

/// The staging area of one unit and session. Several handles to one area may be in use at once.
#[async_trait]
pub trait Staging: Send + Sync + fmt::Debug {
    /// Whether this area was attached.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    async fn attached(&self) -> Result<bool, EngineError>;

    /// How far `source` has come: the last position staged from it, never ahead of what is durable.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    async fn position(&self, source: PeerId) -> Result<Option<Position>, EngineError>;

    /// Stages a batch from `source`; its position moves to `batch.last` with the rows, and never back.
    ///
    /// Calls `guard.check()` right before it takes effect. After the attach it does nothing and succeeds. Until a
    /// [`sync`](Self::sync) a restart may take batches back, the last first, and their positions with them.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    async fn stage(&self, guard: SharedGuard, source: PeerId, batch: Batch) -> Result<(), EngineError>;

    /// Makes everything staged so far, and its positions, durable.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    async fn sync(&self, guard: SharedGuard) -> Result<(), EngineError>;

    /// Makes what every source staged part of the replica: in one step for readers and for crashes, durable
    /// when it returns, once.
    ///
    /// Merges: of two rows of a key the later timestamp stays, whichever came first. Calls `guard.check()` right
    /// before it takes effect. A second attach does nothing and succeeds.
    ///
    /// # Errors
    ///
    /// [`EngineError`].
    async fn attach(&self, guard: SharedGuard) -> Result<(), EngineError>;
}
