//! Faults that wait for a stage, and what makes transitions take the rarer ways.

use std::collections::BTreeSet;
use std::time::Duration;

use tidegate_tablets::Stage;

use crate::dice::Dice;
use crate::event::{FaultKind, Role};

/// A fault that is done once, when a tablet enters a stage.
#[derive(Debug, Clone)]
pub(crate) struct Aim {
    /// The stage.
    pub stage: Stage,
    /// To whom.
    pub role: Role,
    /// What.
    pub kind: FaultKind,
    /// How long after the stage was entered.
    pub after: Duration,
}

/// What makes a transition leave the straight way, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lure {
    /// It is cancelled when it enters that stage.
    Cancel(Stage),
    /// Its pending replica crashes when it enters that stage, and is excluded.
    ExcludePending(Stage),
    /// Its leaving replica crashes when it enters that stage, and is excluded.
    ExcludeLeaving(Stage),
}

impl Lure {
    /// The stage that it waits for.
    #[must_use]
    pub(crate) const fn stage(self) -> Stage {
        match self {
            Self::Cancel(stage) | Self::ExcludePending(stage) | Self::ExcludeLeaving(stage) => stage,
        }
    }
}

/// The kinds that a fault on a stage may be of, so far as the seed allows them.
const KINDS: [FaultKind; 12] = [
    FaultKind::Crash,
    FaultKind::Cut,
    FaultKind::Delay,
    FaultKind::Crash,
    FaultKind::Cut,
    FaultKind::Delay,
    FaultKind::PartitionOneWay,
    FaultKind::HalfOpen,
    FaultKind::StaleRestart,
    FaultKind::SlowDisk,
    FaultKind::DiskError,
    FaultKind::MetadataDelay,
];

const CANCELLABLE: [Stage; 3] = [
    Stage::AllowWriteBothReadOld,
    Stage::WriteBothReadOld,
    Stage::Streaming,
];

pub(super) fn draw(dice: &Dice, faults: &BTreeSet<FaultKind>) -> (Vec<Aim>, Vec<Lure>) {
    let kinds: Vec<FaultKind> = KINDS.into_iter().filter(|kind| faults.contains(kind)).collect();
    let mut aims = Vec::new();
    for _ in 0..dice.below(7) {
        let Some(kind) = dice.one_of(&kinds) else { break };
        let roles = [Role::Source, Role::Pending, Role::Coordinator, Role::Bystander];
        aims.push(Aim {
            stage: Stage::ALL[dice.below(Stage::ALL.len())],
            role: roles[dice.below(7) % 4],
            kind: *kind,
            after: Duration::from_millis([0, 0, 1, 2, 5, 10, 25][dice.below(7)]),
        });
    }
    let mut lures = Vec::new();
    if faults.contains(&FaultKind::Cancel) {
        for _ in 0..=dice.below(3) {
            lures.push(Lure::Cancel(CANCELLABLE[dice.below(3)]));
        }
    }
    if faults.contains(&FaultKind::Exclude) {
        // The fallback has no other way in.
        lures.push(match dice.below(4) {
            0 => Lure::ExcludePending(CANCELLABLE[dice.below(3)]),
            1 => Lure::ExcludeLeaving(Stage::ALL[dice.below(7)]),
            _ => Lure::ExcludePending(Stage::WriteBothReadNew),
        });
    }
    (aims, lures)
}
