//! What a run has met: faults, where they landed, and what came of it.

mod sometimes;
mod unreachable;

use std::collections::BTreeMap;

use tidegate_tablets::Stage;

pub use self::sometimes::Sometimes;
pub use self::unreachable::{UNREACHABLE, Unreachable};
use crate::event::{Event, FaultKind, Role};
use crate::invariants::facts::Facts;

/// A place in the table of hits: a fault of that kind, done to a victim of that role, inside that stage.
pub type Cell = (Stage, FaultKind, Role);

/// The kinds of faults that have to land in every stage.
pub const KINDS: [FaultKind; 3] = [FaultKind::Crash, FaultKind::Cut, FaultKind::Delay];

/// The victims that each of them has to have there.
pub const ROLES: [Role; 3] = [Role::Source, Role::Pending, Role::Coordinator];

/// What a run has met, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Transitions that began.
    pub transitions: u64,
    /// Operations that clients asked for.
    pub client_ops: u64,
    /// Faults, by kind.
    pub faults: BTreeMap<FaultKind, u64>,
    /// Faults that landed inside a stage, by what the victim was to the transition.
    pub hits: BTreeMap<Cell, u64>,
    /// What has to happen in some run, if the runs are to be worth anything.
    pub sometimes: Sometimes,
}

impl Coverage {
    /// Counts an event, of which the facts have been told.
    pub(crate) fn take_in(&mut self, event: &Event, facts: &Facts) {
        match event {
            Event::Fault { kind, hits, .. } => {
                *self.faults.entry(*kind).or_default() += 1;
                for (_, stage, role) in hits {
                    *self.hits.entry((*stage, *kind, *role)).or_default() += 1;
                }
            }
            Event::Invoked { .. } => self.client_ops += 1,
            Event::Decided { touched, .. } => {
                let began = touched.iter().filter(|id| {
                    let in_transition = |metadata: &tidegate_tablets::Metadata| {
                        metadata
                            .tablets
                            .get(id)
                            .is_some_and(|tablet| tablet.transition.is_some())
                    };
                    in_transition(&facts.metadata) && !in_transition(&facts.previous)
                });
                self.transitions += began.count() as u64;
            }
            _ => {}
        }
        self.sometimes.take_in(event, facts);
    }

    /// Adds what other runs have met.
    pub fn add(&mut self, other: &Self) {
        self.transitions += other.transitions;
        self.client_ops += other.client_ops;
        for (kind, count) in &other.faults {
            *self.faults.entry(*kind).or_default() += count;
        }
        for (cell, count) in &other.hits {
            *self.hits.entry(*cell).or_default() += count;
        }
        self.sometimes.add(&other.sometimes);
    }

    /// How often a fault landed there.
    #[must_use]
    pub fn hits_of(&self, cell: &Cell) -> u64 {
        self.hits.get(cell).copied().unwrap_or_default()
    }

    /// The cells that have to be hit, and were not.
    #[must_use]
    pub fn empty_cells(&self) -> Vec<Cell> {
        let cells = cells().filter(|cell| unreachable::reason(cell).is_none());
        cells.filter(|cell| self.hits_of(cell) == 0).collect()
    }

    /// The kinds of faults that were never done.
    #[must_use]
    pub fn never_done(&self) -> Vec<FaultKind> {
        let all = FaultKind::ALL.into_iter();
        all.filter(|kind| !self.faults.contains_key(kind)).collect()
    }

    /// The cells that were hit although they are listed as unreachable: the list is wrong.
    #[must_use]
    pub fn wrongly_listed(&self) -> Vec<Cell> {
        let cells = cells().filter(|cell| unreachable::reason(cell).is_some());
        cells.filter(|cell| self.hits_of(cell) > 0).collect()
    }
}

/// Why a cell cannot be hit; none if it can.
#[must_use]
pub fn reason(cell: &Cell) -> Option<&'static str> {
    unreachable::reason(cell)
}

/// Every cell that has to be hit, or be listed.
pub fn cells() -> impl Iterator<Item = Cell> {
    Stage::ALL.into_iter().flat_map(|stage| {
        KINDS
            .into_iter()
            .flat_map(move |kind| ROLES.into_iter().map(move |role| (stage, kind, role)))
    })
}

#[cfg(test)]
mod tests;
