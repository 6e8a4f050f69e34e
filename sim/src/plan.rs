//! What a seed decides before its run begins.

mod aims;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

pub(crate) use self::aims::{Aim, Lure};
use crate::dice::Dice;
use crate::event::FaultKind;
use crate::metadata::MetadataKind;

/// Every kind of fault.
pub(crate) const FAULT_KINDS: [FaultKind; 21] = [
    FaultKind::Crash,
    FaultKind::Cut,
    FaultKind::Delay,
    FaultKind::PartitionOneWay,
    FaultKind::HalfOpen,
    FaultKind::Reorder,
    FaultKind::DuplicateCall,
    FaultKind::LateCall,
    FaultKind::CoordinatorReplaced,
    FaultKind::SlowDisk,
    FaultKind::FullDisk,
    FaultKind::DiskError,
    FaultKind::MetadataDelay,
    FaultKind::SnapshotInstall,
    FaultKind::LeaderChange,
    FaultKind::StaleRestart,
    FaultKind::Cancel,
    FaultKind::Exclude,
    FaultKind::DropTable,
    FaultKind::BalancingOff,
    FaultKind::ClockSkew,
];

/// What a seed decides before its run begins; the rest is drawn from dice of the same seed on the way.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The seed.
    pub seed: u64,
    /// The metadata log.
    pub metadata: MetadataKind,
    /// Nodes at the start.
    pub nodes: u64,
    /// Replicas of each tablet.
    pub replicas: usize,
    /// Tablets of each table.
    pub tables: Vec<usize>,
    /// What the clients do.
    pub clients: ClientsPlan,
    /// Transitions that are asked for, on all tablets together.
    pub transitions: usize,
    /// How long a frame takes while nothing is wrong.
    pub frame_delay: RangeInclusive<Duration>,
    /// How long a node takes to apply what was decided, while nothing is wrong.
    pub apply_delay: RangeInclusive<Duration>,
    /// How long an engine call takes while nothing is wrong.
    pub disk_delay: RangeInclusive<Duration>,
    /// What may go wrong.
    pub faults: BTreeSet<FaultKind>,
    /// Faults that wait for a stage.
    pub aims: Vec<Aim>,
    /// What has transitions take the rarer ways.
    pub lures: Vec<Lure>,
    /// Faults at any time, at most.
    pub faults_at_random: usize,
    /// How long between two of those.
    pub fault_gap: RangeInclusive<Duration>,
    /// What goes wrong with the coordinator's calls.
    pub calls: CallFaults,
    /// How far a node's clock of the day is off, in milliseconds, either way.
    pub skew_ms_max: u64,
}

/// What the clients do.
#[derive(Debug, Clone)]
pub(crate) struct ClientsPlan {
    /// How many.
    pub count: u64,
    /// Operations of each, at least.
    pub operations: u64,
    /// Keys of each table that everybody uses.
    pub hot_keys: u64,
    /// Keys of each table that are there to be carried along.
    pub cold_keys: u64,
    /// The wait between two operations of a client.
    pub think: RangeInclusive<Duration>,
}

/// What goes wrong with a coordinator's calls.
#[derive(Debug, Clone)]
pub(crate) struct CallFaults {
    /// How likely a call is made twice.
    pub duplicate: f64,
    /// How likely a call is made once more, late.
    pub late: f64,
    /// How late.
    pub late_after: RangeInclusive<Duration>,
}

const fn ms(from: u64, to: u64) -> RangeInclusive<Duration> {
    Duration::from_millis(from)..=Duration::from_millis(to)
}

impl Plan {
    /// The plan of a seed; only faults of `allowed` are in it, whatever the seed would have.
    #[must_use]
    pub(crate) fn of(seed: u64, metadata: MetadataKind, allowed: &BTreeSet<FaultKind>) -> Self {
        let dice = Dice::new(seed, "plan");
        // One in eight is left alone: what fails without faults is found there.
        let quiet = dice.happens(0.125);
        let share = [0.25, 0.5, 0.8][dice.below(3)];
        let drawn: BTreeSet<FaultKind> = FAULT_KINDS
            .into_iter()
            .filter(|_| dice.happens(share) && !quiet)
            .collect();
        let faults = drawn.intersection(allowed).copied();
        let faults: BTreeSet<FaultKind> = faults.filter(|kind| metadata.has(*kind)).collect();
        let replicas = if dice.happens(0.75) { 3 } else { 1 };
        let nodes = if replicas == 3 {
            dice.number(4..=5)
        } else {
            dice.number(3..=4)
        };
        let tables = [vec![1], vec![2], vec![1, 1]][dice.below(3)].clone();
        let (aims, lures) = aims::draw(&dice, &faults);
        Self {
            seed,
            metadata,
            nodes,
            replicas,
            tables,
            clients: ClientsPlan {
                count: dice.number(3..=4),
                operations: dice.number(55..=75),
                hot_keys: dice.number(2..=4),
                cold_keys: dice.number(4..=10),
                think: ms(0, [4, 15, 40][dice.below(3)]),
            },
            transitions: dice.below(4) + 5,
            frame_delay: [ms(0, 0), ms(0, 2), ms(1, 6)][dice.below(3)].clone(),
            apply_delay: [ms(0, 0), ms(0, 3), ms(0, 12)][dice.below(3)].clone(),
            disk_delay: [ms(0, 0), ms(0, 1), ms(0, 4)][dice.below(3)].clone(),
            aims,
            lures,
            faults_at_random: if faults.is_empty() { 0 } else { dice.below(10) },
            fault_gap: [ms(5, 80), ms(20, 300)][dice.below(2)].clone(),
            calls: CallFaults {
                duplicate: chance(&faults, FaultKind::DuplicateCall, 0.2),
                late: chance(&faults, FaultKind::LateCall, 0.2),
                late_after: [ms(5, 60), ms(50, 800)][dice.below(2)].clone(),
            },
            skew_ms_max: if faults.contains(&FaultKind::ClockSkew) {
                [20, 2_000][dice.below(2)]
            } else {
                0
            },
            faults,
        }
    }
}

fn chance(faults: &BTreeSet<FaultKind>, kind: FaultKind, chance: f64) -> f64 {
    if faults.contains(&kind) { chance } else { 0.0 }
}
