//! What the cases stand on.

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::timeout;

use super::{Cluster, DEADLINE, STALL, Verdict, Violation};
use crate::{
    Change, Epoch, MetadataStore, NodeId, Outcome, Proposal, ProposeError, Reason, RequestId, TabletId,
    TransitionKind,
};

/// The tablet that the cases work on: the first of the first table.
pub(super) const T: TabletId = TabletId::new(0);

/// Another, of the same table.
pub(super) const OTHER: TabletId = TabletId::new(1);

/// A cluster whose metadata has six nodes and one table of two tablets, on nodes 1, 2 and 3.
#[derive(Debug)]
pub struct Ground {
    pub(super) cluster: Cluster,
    requests: AtomicU64,
}

impl Ground {
    /// Takes an empty cluster and fills its metadata.
    ///
    /// # Errors
    ///
    /// The violation found on the way.
    ///
    /// # Cancel safety
    ///
    /// Safe: the cluster is dropped.
    pub async fn prepare(cluster: Cluster) -> Result<Self, Violation> {
        let ground = Self {
            cluster,
            requests: AtomicU64::new(1),
        };
        let mut changes: Vec<Change> = (1..=6)
            .map(|node| Change::AddNode {
                node: NodeId::new(node),
            })
            .collect();
        let replicas = vec![[1, 2, 3].map(NodeId::new).into(); 2];
        changes.push(Change::CreateTable {
            name: "conformance".to_owned(),
            replicas,
        });
        let outcomes = ground.propose(0, changes).await?;
        ensure(
            "the first changes are accepted",
            outcomes.iter().all(Result::is_ok),
        )?;
        Ok(ground)
    }

    pub(super) fn store(&self, at: usize) -> Arc<dyn MetadataStore> {
        Arc::clone(&self.cluster.stores[at])
    }

    pub(super) fn proposal(&self, changes: Vec<Change>) -> Proposal {
        let request = RequestId(u128::from(self.requests.fetch_add(1, Ordering::Relaxed)));
        Proposal { request, changes }
    }

    pub(super) async fn propose(&self, at: usize, changes: Vec<Change>) -> Result<Vec<Outcome>, Violation> {
        decide(&self.store(at), self.proposal(changes)).await
    }

    /// Has one tablet's epoch grow by one; answers the tablet's new epoch.
    pub(super) async fn touch(&self, at: usize, tablet: TabletId) -> Result<Epoch, Violation> {
        ok(
            "a read barrier",
            within("a read barrier", self.store(at).read_barrier()).await?,
        )?;
        let change = next_change(&self.store(at), tablet)?;
        let outcomes = self.propose(at, vec![change]).await?;
        match outcomes.as_slice() {
            [Ok(crate::Accepted::Epoch(epoch))] => Ok(*epoch),
            other => Err(Violation(format!(
                "a change of the right epoch came to {other:?}"
            ))),
        }
    }
}

/// A change that is accepted at the tablet's epoch, whatever it is doing.
pub(super) fn next_change(store: &Arc<dyn MetadataStore>, id: TabletId) -> Result<Change, Violation> {
    let metadata = store.snapshot();
    let tablet = metadata
        .tablets
        .get(&id)
        .ok_or_else(|| Violation(format!("tablet {id} is not in the copy")))?;
    let (expected, purge_floor) = (tablet.epoch, tablet.purge_floor + 1);
    Ok(match &tablet.transition {
        Some(transition) => Change::Advance {
            tablet: id,
            expected,
            to: transition.stage.next(),
        },
        None => Change::Begin {
            tablet: id,
            expected,
            kind: TransitionKind::Purge,
            leaving: None,
            pending: None,
            purge_floor,
            reason: Reason::Operator,
        },
    })
}

/// Proposes until there is an answer, as the errors ask for.
pub(super) async fn decide(
    store: &Arc<dyn MetadataStore>,
    proposal: Proposal,
) -> Result<Vec<Outcome>, Violation> {
    let len = proposal.changes.len();
    let deciding = async {
        loop {
            match store.propose(proposal.clone()).await {
                Err(ProposeError::Unknown(_) | ProposeError::NotTaken(_)) => tokio::task::yield_now().await,
                other => return other,
            }
        }
    };
    let outcomes = ok("a proposal", within("a proposal is answered", deciding).await?)?;
    same("outcomes of a proposal", &outcomes.len(), &len)?;
    Ok(outcomes)
}

pub(super) async fn within<T>(what: &str, future: impl Future<Output = T>) -> Result<T, Violation> {
    timeout(DEADLINE, future)
        .await
        .map_err(|_| Violation(format!("not within {DEADLINE:?}: {what}")))
}

pub(super) async fn stalls<T: Debug>(what: &str, future: impl Future<Output = T>) -> Verdict {
    match timeout(STALL, future).await {
        Err(_) => Ok(()),
        Ok(came) => Err(Violation(format!("{what} did not wait, and came to {came:?}"))),
    }
}

pub(super) fn ensure(what: &str, holds: bool) -> Verdict {
    if holds {
        Ok(())
    } else {
        Err(Violation(format!("it does not hold that {what}")))
    }
}

pub(super) fn same<T: PartialEq + Debug>(what: &str, got: &T, expected: &T) -> Verdict {
    if got == expected {
        Ok(())
    } else {
        Err(Violation(format!("{what}: {got:?}, not {expected:?}")))
    }
}

pub(super) fn ok<T, E: Debug>(what: &str, result: Result<T, E>) -> Result<T, Violation> {
    result.map_err(|error| Violation(format!("{what} failed: {error:?}")))
}
