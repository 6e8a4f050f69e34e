//! When a node may act at all, and when its barrier is done.

use tidegate_coordinator::BarrierError;
use tidegate_guard::SessionId;
use tidegate_tablets::{Epoch, Metadata, TabletId, Version};

/// What a barrier has waited for, and whether it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// No request of an older epoch is left.
    pub requests: bool,
    /// The closing sessions are closed.
    pub sessions: bool,
}

/// Whether a node acts on metadata of `version`. `barrier` is the version at which the first read barrier after its
/// start ended: anything older may be older than what it has promised before the start.
#[must_use]
pub fn acts_on(version: Version, barrier: Version) -> bool {
    #[cfg(tidegate_mutants)]
    if tidegate_mutants::on("no-read-barrier-after-start") {
        return true;
    }
    version >= barrier
}

/// Whether a barrier at `epoch` may begin on a node whose map, not older than the barrier asks for, is `map`. A
/// tablet that is gone has nothing left to wait for but its sessions.
///
/// # Errors
///
/// [`BarrierError`]: the node's epoch is another.
pub fn barrier_may_begin(map: &Metadata, tablet: TabletId, epoch: Epoch) -> Result<(), BarrierError> {
    match map.tablets.get(&tablet).map(|t| t.epoch) {
        Some(actual) if actual > epoch => Err(BarrierError::Superseded { actual }),
        Some(actual) if actual < epoch => Err(BarrierError::Behind { applied: map.version }),
        _ => Ok(()),
    }
}

/// Which of a node's closing sessions a tablet's barrier waits for: all of that tablet.
#[must_use]
pub fn to_drain(mut closing: Vec<SessionId>, tablet: TabletId) -> Vec<SessionId> {
    #[cfg(tidegate_mutants)]
    if tidegate_mutants::on("barrier-without-drain") {
        return Vec::new();
    }
    closing.retain(|session| TabletId::of_session(*session) == tablet);
    closing
}

/// What a barrier is answered with at its end, or at its deadline: whatever is left holds it. The caller names whom.
///
/// # Errors
///
/// [`BarrierError::Held`], without a name.
pub fn barrier_result(drained: Drained) -> Result<(), BarrierError> {
    #[cfg(tidegate_mutants)]
    if tidegate_mutants::on("failed-drain-is-done") {
        return Ok(());
    }
    if drained.requests && drained.sessions {
        Ok(())
    } else {
        Err(BarrierError::Held { holders: Vec::new() })
    }
}
