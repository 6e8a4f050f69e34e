//! What a run has met: faults, where they landed, and what came of it.

use std::collections::BTreeMap;

use tidegate_tablets::Stage;

use crate::event::{Event, FaultKind, Role};

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
    pub hits: BTreeMap<(Stage, FaultKind, Role), u64>,
    /// What has to happen in some run, if the runs are to be worth anything.
    pub sometimes: BTreeMap<&'static str, u64>,
}

impl Coverage {
    /// Counts an event.
    pub fn take_in(&mut self, event: &Event) {
        match event {
            Event::Fault { kind, hits, .. } => {
                *self.faults.entry(*kind).or_default() += 1;
                for (_, stage, role) in hits {
                    *self.hits.entry((*stage, *kind, *role)).or_default() += 1;
                }
            }
            Event::Invoked { .. } => self.client_ops += 1,
            _ => {}
        }
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
        for (name, count) in &other.sometimes {
            *self.sometimes.entry(name).or_default() += count;
        }
    }
}
