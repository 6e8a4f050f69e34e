//! One operation: compare, thaw, do.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidegate_coordinator::{Operation, OperationError, OperationKind};
use tidegate_guard::{Label, Rejected, SharedGuard};
use tidegate_session::Sessions;
use tidegate_streaming::{EngineError, PullError, PullRequest, Puller, Refusal, RetryClass, UnitId};
use tidegate_tablets::{Metadata, NodeId, Stage, Tablet, Transition};
use tidegate_transport::PeerId;
use tracing::{info, warn};

use crate::Storage;
use crate::published::Published;
use crate::removals::Removals;

/// What an operation needs of its node.
#[derive(Debug)]
pub(crate) struct OperationTask {
    pub(crate) node: NodeId,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) published: Arc<Published>,
    pub(crate) removals: Arc<Removals>,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) puller: Puller,
}

/// What the metadata asks this node to do.
struct Asked {
    guard: SharedGuard,
    sources: Vec<PeerId>,
    others: BTreeSet<NodeId>,
    purge_floor: u64,
}

impl OperationTask {
    pub(crate) async fn run(&self, operation: &Operation) -> Result<(), OperationError> {
        let asked = self.enter(operation)?;
        // The session is entered and the map was read before: see `Removals`.
        self.removals.idle(operation.tablet).await;
        let result = self.perform(operation, asked).await;
        match &result {
            Ok(()) => info!(session = %operation.frozen.session, "operation done"),
            Err(error) => warn!(session = %operation.frozen.session, %error, "operation not done"),
        }
        result
    }

    fn enter(&self, operation: &Operation) -> Result<Asked, OperationError> {
        let map = self.published.map().ok_or(OperationError::NotReady)?;
        let tablet = map
            .tablets
            .get(&operation.tablet)
            .ok_or(OperationError::Mismatch("no such tablet"))?;
        let applied = tablet.epoch.as_u64();
        let frozen = &operation.frozen;
        let transition = match &tablet.transition {
            // Compared, never substituted: what runs now may be another attempt's session.
            Some(transition) if names(transition, frozen) => transition,
            _ if applied < frozen.epoch => {
                return Err(OperationError::Rejected(Rejected::NotYetOpen { applied }));
            }
            _ => return Err(OperationError::Rejected(Rejected::Closed)),
        };
        self.role(operation.kind, transition)?;
        // Nodes may have been excluded since the order was given: with fewer sources acknowledged writes are lost,
        // and only an operator's word in the metadata gives them up.
        if operation.kind == OperationKind::Stream && !map.has_sources(transition) {
            return Err(OperationError::Mismatch("too few sources are left"));
        }
        let label = Label::new(operation.kind.name())
            .with("tablet", operation.tablet)
            .with("node", self.node);
        let guard = self
            .sessions
            .thaw(frozen, applied, label)
            .map_err(OperationError::Rejected)?;
        Ok(self.asked(&map, tablet, transition, guard))
    }

    fn asked(&self, map: &Metadata, tablet: &Tablet, transition: &Transition, guard: SharedGuard) -> Asked {
        let sources = map
            .sources(transition)
            .into_iter()
            .map(|node| PeerId::new(node.as_u64()))
            .collect();
        let others = tablet
            .participants()
            .into_iter()
            .filter(|node| *node != self.node && map.is_live_member(*node))
            .collect();
        Asked {
            guard,
            sources,
            others,
            purge_floor: transition.purge_floor,
        }
    }

    /// Whether the metadata gives this node the part that the operation needs.
    fn role(&self, kind: OperationKind, transition: &Transition) -> Result<(), OperationError> {
        let here = Some(self.node);
        let fits = match (kind, transition.stage) {
            (OperationKind::Stream, Stage::Streaming) => transition.pending() == here,
            (OperationKind::Cleanup, Stage::Cleanup) => transition.leaving() == here,
            (OperationKind::Cleanup, Stage::CleanupTarget) => transition.pending() == here,
            (OperationKind::Fill, Stage::Fill) | (OperationKind::Purge, Stage::Purge) => {
                transition.old.contains(&self.node)
            }
            _ => false,
        };
        if fits {
            Ok(())
        } else {
            Err(OperationError::Mismatch("another stage, or another node's part"))
        }
    }

    async fn perform(&self, operation: &Operation, asked: Asked) -> Result<(), OperationError> {
        let tablet = operation.tablet;
        let Asked {
            guard,
            sources,
            others,
            purge_floor,
        } = asked;
        #[cfg(tidegate_mutants)]
        let guard: SharedGuard = match operation.kind {
            OperationKind::Cleanup if tidegate_mutants::on("cleanup-without-session") => {
                Arc::new(tidegate_guard::Unfenced)
            }
            _ => guard,
        };
        match operation.kind {
            OperationKind::Stream if sources.is_empty() => {
                // Not too few, as was looked at above: an operator has given up what they held.
                info!("no source is left: nothing is pulled");
                Ok(())
            }
            OperationKind::Stream => {
                let unit = UnitId::new(tablet.as_u64());
                let request = PullRequest {
                    unit,
                    frozen: operation.frozen,
                    guard,
                    sources,
                };
                #[cfg(tidegate_mutants)]
                let purging = Arc::clone(&request.guard);
                let report = self.puller.pull(request).await.map_err(pull_error)?;
                #[cfg(tidegate_mutants)]
                if tidegate_mutants::on("purge-while-moving") {
                    let purged = self.storage.purge(tablet, purging, u64::MAX).await;
                    purged.map_err(engine_error)?;
                }
                info!(?report, "pulled");
                Ok(())
            }
            OperationKind::Cleanup => self.storage.remove(tablet, guard).await.map_err(engine_error),
            OperationKind::Fill => self
                .storage
                .fill(tablet, operation.frozen.session, guard, purge_floor, others)
                .await
                .map_err(engine_error),
            OperationKind::Purge => self
                .storage
                .purge(tablet, guard, purge_floor)
                .await
                .map_err(engine_error),
        }
    }
}

fn names(transition: &Transition, frozen: &tidegate_guard::FrozenGuard) -> bool {
    transition
        .session
        .is_some_and(|(session, epoch)| session == frozen.session && epoch.as_u64() == frozen.epoch)
}

fn engine_error(error: EngineError) -> OperationError {
    match error {
        EngineError::Rejected(rejected) => OperationError::Rejected(rejected),
        EngineError::DiskFull | EngineError::Decode(_) => OperationError::Hopeless(error.to_string()),
        _ => OperationError::Failed(with_source(&error)),
    }
}

fn pull_error(error: PullError) -> OperationError {
    match error {
        PullError::Engine(error) => engine_error(error),
        PullError::Rejected(rejected)
        | PullError::SourceRefused {
            refusal: Refusal::Rejected(rejected),
            ..
        } => OperationError::Rejected(rejected),
        error if error.class() == RetryClass::Hopeless => OperationError::Hopeless(with_source(&error)),
        error => OperationError::Failed(with_source(&error)),
    }
}

/// What went wrong in one line, for a report that crosses to another node and cannot carry the source.
fn with_source(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
