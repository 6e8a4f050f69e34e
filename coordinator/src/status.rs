//! What a coordinator tells of its transitions.

use tidegate_tablets::{Epoch, Metadata, Stage, TabletId, TransitionKind};

use crate::planner::{Decision, Need, explain};
use crate::{Progress, TabletProgress};

/// Where a transition stands, as the coordinator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransitionStatus {
    /// Of which tablet.
    pub tablet: TabletId,
    /// What for.
    pub kind: TransitionKind,
    /// The epoch at which it began: names it.
    pub begun: Epoch,
    /// The step it is at.
    pub stage: Stage,
    /// Tries that failed in this stage, on all nodes together.
    pub attempts: u32,
    /// What the stage waits for.
    pub waiting_for: WaitingFor,
    /// What failed last, in this stage or in one before it.
    pub last_error: Option<String>,
    /// Why it goes back, where this coordinator decided it.
    pub went_back: Option<String>,
    /// The stage's budget is spent and there is no way back: someone should look. It is retried for ever, slowly.
    pub gave_up: bool,
}

/// What a stage waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitingFor {
    /// The change that leaves the stage.
    Change,
    /// These nodes' answers.
    Nodes(Vec<Need>),
    /// An operator: too few sources of a rebuild are alive.
    Sources {
        /// Sources that are not excluded.
        live: usize,
        /// Sources it takes.
        needed: usize,
    },
}

/// How a transition ended, for the log book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedTransition {
    /// Of which tablet.
    pub tablet: TabletId,
    /// The epoch at which it began: names it.
    pub begun: Epoch,
    /// The last stage that was seen.
    pub last_stage: Stage,
    /// What failed last, if anything did.
    pub last_error: Option<String>,
    /// Why it went back, where this coordinator decided it.
    pub went_back: Option<String>,
}

pub(crate) fn status_of(metadata: &Metadata, progress: &Progress) -> Vec<TransitionStatus> {
    let status = |(id, known): (TabletId, &TabletProgress)| {
        let transition = metadata.tablets.get(&id)?.transition.as_ref()?;
        let waiting_for = match explain(metadata, progress, id)? {
            Decision::Advance { .. } => WaitingFor::Change,
            Decision::Work { needs, .. } => WaitingFor::Nodes(needs),
            Decision::WaitForSources { live, needed } => WaitingFor::Sources { live, needed },
        };
        Some(TransitionStatus {
            tablet: id,
            kind: transition.kind,
            begun: transition.begun,
            stage: transition.stage,
            attempts: known.failures(),
            waiting_for,
            last_error: known.last_error().map(str::to_owned),
            went_back: known.went_back().map(str::to_owned),
            gave_up: known.has_given_up(),
        })
    };
    progress.tablets().filter_map(status).collect()
}
