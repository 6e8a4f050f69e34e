//! The barrier, on a participant.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tidegate_coordinator::BarrierError;
use tidegate_guard::SessionId;
use tidegate_session::{NotDrained, Sessions};
use tidegate_tablets::{Epoch, Metadata, RequestFence, TabletId, Version};
use tokio::time::{Instant, timeout_at};
use tracing::debug;

use crate::published::{Published, WaitError};
use crate::removals::Removals;
use crate::rules::{Drained, barrier_may_begin, barrier_result, to_drain};

/// Lets nothing older than an epoch be left of a tablet.
#[derive(Debug, Clone)]
pub(crate) struct Barrier {
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) fence: Arc<RequestFence>,
    pub(crate) published: Arc<Published>,
    pub(crate) removals: Arc<Removals>,
    pub(crate) holders_named_max: usize,
}

impl Barrier {
    /// Waits for the map that barriers of `min_version` need.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits.
    pub(crate) async fn map(
        &self,
        min_version: Version,
        deadline: Duration,
    ) -> Result<Arc<Metadata>, BarrierError> {
        let map = self.published.wait_version(min_version, deadline).await;
        map.map_err(behind)
    }

    /// The sessions that are closing here, by tablet. Asked for after the [map](Self::map): as that is published, those
    /// that it no longer shows are closing, and no other is waited for.
    pub(crate) fn closing(&self) -> BTreeMap<TabletId, Vec<SessionId>> {
        let mut closing: BTreeMap<TabletId, Vec<SessionId>> = BTreeMap::new();
        for session in self.sessions.closing_sessions() {
            closing
                .entry(TabletId::of_session(session))
                .or_default()
                .push(session);
        }
        closing
    }

    /// What a tablet's barrier is answered with where nothing is to be waited for: it is refused, or done. If it is not,
    /// its fence is up all the same, and [`run`](Self::run) waits.
    pub(crate) fn at_once(
        &self,
        map: &Metadata,
        tablet: TabletId,
        epoch: Epoch,
        closing: &[SessionId],
    ) -> Option<Result<(), BarrierError>> {
        if let Err(error) = barrier_may_begin(map, tablet, epoch) {
            return Some(Err(error));
        }
        // Raised before anything is waited for, so that what is waited for cannot grow.
        self.fence.raise(tablet, epoch);
        let drained = Drained {
            requests: self.fence.older_holders(tablet, epoch) == 0,
            sessions: to_drain(closing.to_vec(), tablet).is_empty(),
        };
        let is_done = drained.requests && drained.sessions && self.removals.is_prepared(map, tablet);
        is_done.then(|| barrier_result(drained))
    }

    /// Waits until older requests and closing sessions have ended.
    ///
    /// Idempotent: whatever was done of it need not be undone, and can be done again.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits, but for a removal before the node becomes pending, which goes on.
    pub(crate) async fn run(
        &self,
        tablet: TabletId,
        epoch: Epoch,
        closing: Vec<SessionId>,
        until: Instant,
    ) -> Result<(), BarrierError> {
        let removed = timeout_at(until, self.removals.before_pending(tablet)).await;
        match removed {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(BarrierError::Failed(error.to_string())),
            Err(_) => {
                return Err(BarrierError::Held {
                    holders: vec!["removal before pending".to_owned()],
                });
            }
        }
        let closing = to_drain(closing, tablet);
        let left = until.saturating_duration_since(Instant::now());
        let requests = timeout_at(until, self.fence.older_ended(tablet, epoch));
        let (requests, sessions) = tokio::join!(requests, self.sessions.drain(&closing, left));
        let drained = Drained {
            requests: requests.is_ok(),
            sessions: sessions.is_ok(),
        };
        match barrier_result(drained) {
            Ok(()) => {
                debug!(%tablet, %epoch, "barrier done");
                Ok(())
            }
            Err(_) => Err(self.held(tablet, epoch, requests.is_err(), sessions.err())),
        }
    }

    fn held(&self, tablet: TabletId, epoch: Epoch, requests: bool, left: Option<NotDrained>) -> BarrierError {
        let mut holders: Vec<String> = left
            .iter()
            .flat_map(|left| &left.holders)
            .take(self.holders_named_max)
            .map(ToString::to_string)
            .collect();
        if requests {
            let count = self.fence.older_holders(tablet, epoch);
            holders.push(format!(
                "{count} requests of an epoch before {epoch} on tablet {tablet}"
            ));
        }
        BarrierError::Held { holders }
    }
}

fn behind(error: WaitError) -> BarrierError {
    match error {
        WaitError::Behind { applied } => BarrierError::Behind { applied },
        WaitError::Stopped => BarrierError::Failed(error.to_string()),
    }
}
