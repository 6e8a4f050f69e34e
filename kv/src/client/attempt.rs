//! Attempts: each uses one epoch, and forgets what the one before was told.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_tablets::{Epoch, NodeId, TabletId};
use tokio::time::{Instant, sleep};
use tracing::debug;

use crate::calls::CallError;
use crate::plan::Plan;
use crate::wire::Refusal;
use crate::{Admit, KvConfig};

/// Why an attempt did not do what it was for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AttemptError {
    /// A replica has raised its fence: start again at that epoch.
    Stale { wanted: Epoch },
    /// Too few replicas answered: try again.
    NoQuorum { cause: String },
    /// It must not be tried again.
    Stop { cause: &'static str },
}

/// Why no attempt was made any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum GaveUp {
    /// The tablet is gone, and its table with it.
    NoTablet,
    /// The deadline passed.
    TimedOut { waited: Duration, cause: String },
    /// It must not be tried again.
    Stopped { waited: Duration, cause: &'static str },
}

/// What can be tried anew at another epoch. What it keeps from one attempt to the next is its own.
#[async_trait]
pub(super) trait Attempt: Send {
    /// What it is for.
    type Done: Send;

    /// Tries once, at the plan's epoch.
    async fn attempt(&mut self, plan: &Plan, deadline: Instant) -> Result<Self::Done, AttemptError>;
}

/// Tries until it is done, or the deadline passes.
///
/// # Cancel safety
///
/// What the attempts have sent stays sent.
pub(super) async fn run<A: Attempt>(
    attempt: &mut A,
    tablet: TabletId,
    admit: &dyn Admit,
    config: &KvConfig,
) -> Result<A::Done, GaveUp> {
    let begun = Instant::now();
    let deadline = begun + config.operation_deadline;
    let mut wait = config.retry_wait;
    loop {
        let cause = match admit.map() {
            None => "this node is not running".to_owned(),
            Some(map) => {
                let plan = Plan::new(&map, tablet).ok_or(GaveUp::NoTablet)?;
                drop(map);
                let until = deadline.min(Instant::now() + config.attempt_deadline);
                match attempt.attempt(&plan, until).await {
                    Ok(done) => return Ok(done),
                    Err(AttemptError::Stop { cause }) => {
                        return Err(GaveUp::Stopped {
                            waited: begun.elapsed(),
                            cause,
                        });
                    }
                    Err(AttemptError::NoQuorum { cause }) => cause,
                    Err(AttemptError::Stale { wanted }) => {
                        debug!(%tablet, epoch = %plan.epoch, %wanted, "start again at another epoch");
                        let left = deadline.saturating_duration_since(Instant::now());
                        match admit.wait_epoch(tablet, wanted, left).await {
                            Ok(_) => continue,
                            Err(error) => error.to_string(),
                        }
                    }
                }
            }
        };
        if Instant::now() + wait >= deadline {
            return Err(GaveUp::TimedOut {
                waited: begun.elapsed(),
                cause,
            });
        }
        debug!(%tablet, %cause, "try again");
        sleep(wait).await;
        wait = (wait * 2).min(config.retry_wait_max);
    }
}

/// Who of those that were asked may still answer well, and what the others said.
#[derive(Debug)]
pub(super) struct Hopes {
    epoch: Epoch,
    nodes: BTreeSet<NodeId>,
    cause: String,
}

impl Hopes {
    /// Everyone asked may answer.
    pub(super) fn new(plan: &Plan, nodes: BTreeSet<NodeId>) -> Self {
        Self {
            epoch: plan.epoch,
            nodes,
            cause: "too many replicas are excluded".to_owned(),
        }
    }

    /// Those who have answered well, or may.
    pub(super) const fn nodes(&self) -> &BTreeSet<NodeId> {
        &self.nodes
    }

    /// Takes note of an answer that does not count; an error if it ends the attempt.
    pub(super) fn lose(&mut self, node: NodeId, error: &CallError) -> Result<(), AttemptError> {
        if let CallError::Refused(Refusal::Stale { wanted }) = error
            && *wanted > self.epoch
        {
            return Err(AttemptError::Stale { wanted: *wanted });
        }
        self.nodes.remove(&node);
        self.cause = format!("node {node}: {}", with_source(error));
        Ok(())
    }

    /// The end of an attempt that lost too many.
    pub(super) fn no_quorum(self) -> AttemptError {
        AttemptError::NoQuorum { cause: self.cause }
    }
}

fn with_source(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", with_source(source)),
        None => error.to_string(),
    }
}
