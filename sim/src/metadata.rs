//! The metadata log of a run: the simulated one, or the product's own on Raft.
//!
//! Whoever asks for the newest state, or waits for the next, does not see which it is.

mod handle;
mod ledger;
mod raft;

use std::sync::Arc;

use clap::ValueEnum;
use tidegate_tablets::{Metadata, MetadataStore};

pub(crate) use self::handle::RaftHandle;
pub(crate) use self::raft::RaftLog;
use crate::dice::Dice;
use crate::event::FaultKind;
use crate::plan::Plan;
use crate::recorder::Recorder;
use crate::store::{SimLog, SimLogConfig, SimStore};

/// Which metadata log the nodes of a run have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, ValueEnum)]
pub enum MetadataKind {
    /// One that decides late, and reaches each node at a pace of its own.
    #[default]
    Simulated,
    /// The product's, on disks in memory and over the network of the run.
    Raft,
}

impl MetadataKind {
    /// Its name, as on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Simulated => "simulated",
            Self::Raft => "raft",
        }
    }

    /// Whether faults of that kind are done to it. On Raft a copy falls behind by what the network does, and every
    /// start begins with an older copy than the node had.
    #[must_use]
    pub const fn has(self, kind: FaultKind) -> bool {
        match self {
            Self::Simulated => true,
            Self::Raft => !matches!(kind, FaultKind::MetadataDelay | FaultKind::StaleRestart),
        }
    }
}

/// The log of a run.
#[derive(Debug, Clone)]
pub(crate) enum Log {
    Simulated(Arc<SimLog>),
    Raft(Arc<RaftLog>),
}

/// One start of a node's handle on it.
#[derive(Debug, Clone)]
pub(crate) enum Store {
    Simulated(Arc<SimStore>),
    Raft(Arc<RaftHandle>),
}

impl Log {
    /// Needs a runtime.
    pub(crate) fn new(plan: &Plan, recorder: Recorder) -> Self {
        match plan.metadata {
            MetadataKind::Simulated => {
                let config = SimLogConfig {
                    lag: plan.apply_delay.clone(),
                    ..SimLogConfig::default()
                };
                Self::Simulated(SimLog::new(Dice::rng(plan.seed, "log"), recorder, config))
            }
            MetadataKind::Raft => Self::Raft(RaftLog::new(plan, recorder)),
        }
    }

    pub(crate) const fn simulated(&self) -> Option<&Arc<SimLog>> {
        match self {
            Self::Simulated(log) => Some(log),
            Self::Raft(_) => None,
        }
    }

    pub(crate) const fn raft(&self) -> Option<&Arc<RaftLog>> {
        match self {
            Self::Simulated(_) => None,
            Self::Raft(log) => Some(log),
        }
    }

    /// The newest state that was decided, wherever it is applied.
    pub(crate) fn newest(&self) -> Arc<Metadata> {
        match self {
            Self::Simulated(log) => log.newest(),
            Self::Raft(log) => log.newest(),
        }
    }

    /// Waits until something was decided since the last such wait ended; for one who waits.
    pub(crate) async fn decided(&self) {
        match self {
            Self::Simulated(log) => log.decided().await,
            Self::Raft(log) => log.decided().await,
        }
    }

    pub(crate) fn stop(&self) {
        if let Self::Simulated(log) = self {
            log.stop();
        }
    }
}

impl Store {
    pub(crate) fn metadata(&self) -> Arc<dyn MetadataStore> {
        match self {
            Self::Simulated(store) => Arc::clone(store) as _,
            Self::Raft(store) => Arc::clone(store) as _,
        }
    }

    pub(crate) const fn simulated(&self) -> Option<&Arc<SimStore>> {
        match self {
            Self::Simulated(store) => Some(store),
            Self::Raft(_) => None,
        }
    }

    pub(crate) const fn raft(&self) -> Option<&Arc<RaftHandle>> {
        match self {
            Self::Simulated(_) => None,
            Self::Raft(store) => Some(store),
        }
    }

    /// Stops, at once: whoever waits at it, or comes later, is told so.
    pub(crate) fn stop(&self) {
        match self {
            Self::Simulated(store) => store.stop(),
            Self::Raft(store) => store.stop(),
        }
    }

    /// Waits until nothing of it runs any more.
    pub(crate) async fn ended(&self) {
        if let Self::Raft(store) = self {
            store.ended().await;
        }
    }
}
