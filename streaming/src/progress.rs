//! What streams tell about how far they have come.

use tidegate_guard::SessionId;
use tidegate_transport::PeerId;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::{EndCause, Receipt, UnitId};

/// Which end of a stream a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamRole {
    /// It has the rows.
    Send,
    /// It gets them.
    Receive,
}

impl StreamRole {
    /// The word that metrics use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Receive => "receive",
        }
    }
}

/// What happened in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProgressStep {
    /// The source has accepted the stream.
    Started,
    /// One more batch was sent, or staged.
    Moved,
    /// The stream ended, and how.
    Ended(EndCause),
    /// The unit was attached: all its streams had ended well.
    Attached,
}

/// One event of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamProgress {
    /// What is carried.
    pub unit: UnitId,
    /// The session under which it is.
    pub session: SessionId,
    /// Who is at the other end; of [`ProgressStep::Attached`], this node itself.
    pub peer: PeerId,
    /// Which end this is.
    pub role: StreamRole,
    /// What happened.
    pub step: ProgressStep,
    /// What was sent, or staged, by this stream up to now.
    pub carried: Receipt,
}

/// A reader of the events of a node's streams.
///
/// The events kept for it have a bound ([`progress_events`](crate::StreamingConfig::progress_events)): a reader
/// that is slower than the streams misses the oldest.
#[derive(Debug)]
pub struct ProgressEvents {
    receiver: broadcast::Receiver<StreamProgress>,
    missed: u64,
}

impl ProgressEvents {
    pub(crate) fn new(receiver: broadcast::Receiver<StreamProgress>) -> Self {
        Self { receiver, missed: 0 }
    }

    /// The next event; `None` when no stream can come any more.
    ///
    /// # Cancel safety
    ///
    /// Safe: no event is lost by it.
    pub async fn next(&mut self) -> Option<StreamProgress> {
        loop {
            match self.receiver.recv().await {
                Ok(event) => return Some(event),
                Err(RecvError::Lagged(missed)) => self.missed += missed,
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// How many events this reader has missed because it was slow.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }
}
