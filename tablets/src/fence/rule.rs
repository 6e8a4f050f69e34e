//! What a fence says of one tablet: pure, without the guards that are counted.

use super::AdmitError;
use crate::Epoch;

/// What a fence says of one tablet: which epochs get in. Pure; [`RequestFence`](super::RequestFence) counts, under
/// its lock, those whom this lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FenceRule {
    fence: Epoch,
    published: Option<Epoch>,
}

impl FenceRule {
    /// The rule of a tablet of which nothing is remembered, when the metadata shows it at `epoch`: a fence is never
    /// absent, so the first publishing sets it.
    #[must_use]
    pub fn first(epoch: Epoch) -> Self {
        #[cfg(tidegate_mutants)]
        if tidegate_mutants::on("fence-not-set-on-new-participant") {
            return Self {
                fence: Epoch::default(),
                published: Some(epoch),
            };
        }
        Self {
            fence: epoch,
            published: Some(epoch),
        }
    }

    /// The metadata shows `epoch`. Never lowers anything; answers what is published now.
    pub fn publish(&mut self, epoch: Epoch) -> Epoch {
        let published = self.published.map_or(epoch, |before| before.max(epoch));
        if self.published.is_none() {
            // Forgotten and not yet let go by all: the fence is set as for the first time, and never lower.
            self.fence = self.fence.max(epoch);
        }
        self.published = Some(published);
        published
    }

    /// The metadata does not show the tablet, or not to this node: nothing gets in.
    pub const fn forget(&mut self) {
        self.published = None;
    }

    /// Refuses every epoch below `epoch` from now on; answers the fence as it is now.
    pub fn raise(&mut self, epoch: Epoch) -> Epoch {
        #[cfg(tidegate_mutants)]
        if tidegate_mutants::on("fence-not-raised") {
            return self.fence;
        }
        self.fence = self.fence.max(epoch);
        self.fence
    }

    /// Whether work of `epoch` gets in; answers what is published.
    ///
    /// # Errors
    ///
    /// [`AdmitError`], whose variants name the caller's next move.
    pub fn admit(&self, epoch: Epoch) -> Result<Epoch, AdmitError> {
        #[cfg(tidegate_mutants)]
        if self.published.is_none() && tidegate_mutants::on("serves-what-it-is-no-replica-of") {
            return Ok(epoch);
        }
        let published = self.published.ok_or(AdmitError::NotReplica)?;
        if epoch < self.fence {
            return Err(AdmitError::Stale {
                wanted: self.fence.max(published),
            });
        }
        if epoch > published {
            return Err(AdmitError::Ahead { current: published });
        }
        Ok(published)
    }

    /// The lowest epoch that gets in.
    #[must_use]
    pub const fn fence(&self) -> Epoch {
        self.fence
    }

    /// What the metadata shows; none where it does not show the tablet to this node.
    #[must_use]
    pub const fn published(&self) -> Option<Epoch> {
        self.published
    }
}
