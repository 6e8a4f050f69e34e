//! A transition held at a stage, in builds made for it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_inject::Injector;
use tidegate_tablets::{
    Change, Changes, Metadata, MetadataStore, Outcome, Proposal, ProposeError, StoreStopped, Version,
};
use tokio::time::{Instant, sleep};

/// How often it is looked whether the point is off again.
const PACE: Duration = Duration::from_millis(20);

/// A proposal waits for so long at most: the coordinator makes it again.
const WAIT_MAX: Duration = Duration::from_secs(4);

/// The metadata as the coordinator sees it: while the point `coordinator::advance::STAGE` is on, no transition leaves
/// that stage by the coordinator's will.
#[derive(Debug)]
pub(super) struct HeldStore {
    inner: Arc<dyn MetadataStore>,
    injector: Injector,
}

impl HeldStore {
    pub(super) fn new(inner: Arc<dyn MetadataStore>, injector: Injector) -> Self {
        Self { inner, injector }
    }

    fn is_held(&self, metadata: &Metadata, proposal: &Proposal) -> bool {
        proposal.changes.iter().any(|change| {
            let Change::Advance { tablet, .. } = change else {
                return false;
            };
            let known = metadata.tablets.get(tablet);
            known
                .and_then(|known| known.transition.as_ref())
                .is_some_and(|transition| {
                    let point = format!("coordinator::advance::{}", transition.stage.name());
                    self.injector.is_enabled(&point)
                })
        })
    }
}

#[async_trait]
impl MetadataStore for HeldStore {
    async fn propose(&self, proposal: Proposal) -> Result<Vec<Outcome>, ProposeError> {
        let (planned, until) = (self.inner.snapshot().version, Instant::now() + WAIT_MAX);
        while self.is_held(&self.inner.snapshot(), &proposal) {
            // What has happened meanwhile is to be planned for.
            if self.inner.snapshot().version != planned || Instant::now() >= until {
                return Err(ProposeError::NotTaken("the transition is held".to_owned()));
            }
            sleep(PACE).await;
        }
        self.inner.propose(proposal).await
    }

    async fn wait_applied(&self, version: Version) -> Result<(), StoreStopped> {
        self.inner.wait_applied(version).await
    }

    async fn read_barrier(&self) -> Result<Version, StoreStopped> {
        self.inner.read_barrier().await
    }

    fn snapshot(&self) -> Arc<Metadata> {
        self.inner.snapshot()
    }

    fn changes(&self) -> Box<dyn Changes> {
        self.inner.changes()
    }
}
