//! What is counted, and what is missed.

use super::*;
use crate::event::Event;
use tidegate_tablets::{NodeId, TabletId};

fn fault(kind: FaultKind, stage: Stage, role: Role) -> Event {
    Event::Fault {
        kind,
        nodes: vec![NodeId::new(1)],
        hits: vec![(TabletId::new(0), stage, role)],
    }
}

#[test]
fn a_cell_that_was_not_hit_is_named() {
    let mut coverage = Coverage::default();
    let facts = Facts::default();
    let cell = (Stage::Cleanup, FaultKind::Cut, Role::Source);
    for other in cells().filter(|other| reason(other).is_none() && *other != cell) {
        coverage.take_in(&fault(other.1, other.0, other.2), &facts);
    }
    assert_eq!(coverage.empty_cells(), [cell]);
    let mut other = Coverage::default();
    other.take_in(&fault(cell.1, cell.0, cell.2), &facts);
    coverage.add(&other);
    assert_eq!(coverage.empty_cells(), []);
    assert_eq!(coverage.faults[&FaultKind::Cut], 13 * 3 - 4);
    assert_eq!(coverage.wrongly_listed(), []);
}

#[test]
fn a_cell_that_was_hit_and_is_listed_as_unreachable_is_named() {
    let mut coverage = Coverage::default();
    coverage.take_in(
        &fault(FaultKind::Crash, Stage::Fill, Role::Pending),
        &Facts::default(),
    );
    assert_eq!(
        coverage.wrongly_listed(),
        [(Stage::Fill, FaultKind::Crash, Role::Pending)]
    );
}

#[test]
fn what_never_happened_is_named() {
    let mut sometimes = Sometimes::default();
    let all = sometimes.never().len();
    let refused = Event::Thawed {
        node: NodeId::new(1),
        asked: TabletId::new(0).session_at(tidegate_tablets::Epoch::new(1)),
        given: None,
    };
    sometimes.take_in(&refused, &Facts::default());
    assert_eq!(sometimes.never().len(), all - 1);
    assert_eq!(sometimes.counts()["a guard was refused"], 1);
}
