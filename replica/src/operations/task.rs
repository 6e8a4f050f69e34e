//! One operation: compare, thaw, do.

use std::sync::Arc;

use tidegate_coordinator::{Operation, OperationError, OperationKind};
use tidegate_guard::{Label, SharedGuard};
use tidegate_session::Sessions;
use tidegate_streaming::{EngineError, PullError, PullRequest, Puller, Refusal, RetryClass, UnitId};
use tidegate_tablets::NodeId;
use tidegate_transport::PeerId;
use tracing::{info, warn};

use crate::Storage;
use crate::published::Published;
use crate::removals::Removals;
use crate::rules::{Part, part};

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

impl OperationTask {
    pub(crate) async fn run(&self, operation: &Operation) -> Result<(), OperationError> {
        let (part, guard) = self.enter(operation)?;
        // The session is entered and the map was read before: see `Removals`.
        self.removals.idle(operation.tablet).await;
        let result = self.perform(operation, part, guard).await;
        match &result {
            Ok(()) => info!(session = %operation.frozen.session, "operation done"),
            Err(error) => warn!(session = %operation.frozen.session, %error, "operation not done"),
        }
        result
    }

    fn enter(&self, operation: &Operation) -> Result<(Part, SharedGuard), OperationError> {
        let map = self.published.map().ok_or(OperationError::NotReady)?;
        let Operation {
            kind, tablet, frozen, ..
        } = operation;
        let part = part(&map, self.node, *kind, *tablet, frozen)?;
        let label = Label::new(kind.name())
            .with("tablet", tablet)
            .with("node", self.node);
        let guard = self
            .sessions
            .thaw(&part.frozen, part.applied, label)
            .map_err(OperationError::Rejected)?;
        Ok((part, guard))
    }

    async fn perform(
        &self,
        operation: &Operation,
        part: Part,
        guard: SharedGuard,
    ) -> Result<(), OperationError> {
        let tablet = operation.tablet;
        let Part {
            frozen,
            sources,
            others,
            purge_floor,
            ..
        } = part;
        #[cfg(tidegate_mutants)]
        let guard: SharedGuard = match operation.kind {
            OperationKind::Cleanup if tidegate_mutants::on("cleanup-without-session") => {
                // A parameter that nobody takes would live to the end of the call.
                drop(guard);
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
                    frozen,
                    guard,
                    sources: sources.iter().map(|node| PeerId::new(node.as_u64())).collect(),
                };
                #[cfg(tidegate_mutants)]
                let purging = Arc::clone(&request.guard);
                let puller = self.puller.clone().because(self.published.reason(tablet));
                let report = puller.pull(request).await.map_err(pull_error)?;
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
                .fill(tablet, frozen.session, guard, purge_floor, others)
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
