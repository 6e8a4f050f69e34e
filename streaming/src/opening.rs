//! How a stream begins: what a puller asks for, and what a source answers.

use std::fmt;

use async_trait::async_trait;
use thiserror::Error;
use tidegate_guard::{FrozenGuard, Rejected, SharedGuard};
use tidegate_transport::PeerId;

use crate::{Position, UnitId};

/// The reason of a stream for which nobody gave one.
pub(crate) const UNKNOWN_REASON: &str = "unknown";

/// What a puller asks a source for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// What is to be carried.
    pub unit: UnitId,
    /// The session under which it is.
    pub frozen: FrozenGuard,
    /// How far the puller has come with this source; `None` from the beginning.
    pub resume: Option<Position>,
}

/// Why a source does not take part; travels to the puller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The source's session refused.
    #[error("the source's session refused")]
    Rejected(#[source] Rejected),
    /// By the source's own metadata it is no source of the unit, or the puller not its receiver: try again later,
    /// within a budget.
    #[error("by its own metadata it is no source of the unit for this peer")]
    NotSource,
    /// The puller is no member, or excluded: stop.
    #[error("the puller is no member")]
    NotMember,
    /// The source sends as much as it may: try again later.
    #[error("it sends as many streams as it may")]
    Busy,
    /// The source has just started, or could not answer in time: try again later.
    #[error("it is not ready to serve")]
    NotReady,
}

/// Decides whether a source takes part in a stream, and under which guard.
#[async_trait]
pub trait Admission: Send + Sync + fmt::Debug + 'static {
    /// The guard under which to send what `opening` asks for: of the session it names and no other.
    ///
    /// `peer` is who asks, as the transport proved it. The call may be dropped at any of its waits.
    ///
    /// # Errors
    ///
    /// [`Refusal`], which is sent to the puller.
    async fn admit(&self, peer: PeerId, opening: &Opening) -> Result<SharedGuard, Refusal>;

    /// What an admitted stream is for, in a word that metrics use; one of a few.
    fn reason(&self, _opening: &Opening) -> &'static str {
        UNKNOWN_REASON
    }
}
