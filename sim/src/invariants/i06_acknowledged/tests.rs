//! Broken runs that it catches, and good ones that it passes.

use super::Acknowledged;
use crate::event::ClientAnswer::{Done, Failed, Unknown};
use crate::event::ClientOp::{Delete, Put};
use crate::invariants::testing::{World, caught, value};
use tidegate_tablets::{Stage, TransitionKind};

#[test]
fn what_a_quorum_holds_passes() {
    let mut world = World::new(Acknowledged);
    world.client(1, "a", Put(value(1)), Done);
    world.put(1, &[("a", 1)]);
    world.put(3, &[("a", 1)]);
    world.end().unwrap();
}

#[test]
fn a_write_that_one_replica_holds_is_caught() {
    let mut world = World::new(Acknowledged);
    world.client(1, "a", Put(value(1)), Done);
    world.put(1, &[("a", 1)]);
    caught(world.end(), "the quorum {2, 3} shows None");
}

#[test]
fn an_older_row_at_a_quorum_is_caught() {
    let mut world = World::new(Acknowledged);
    world.client(1, "a", Put(value(1)), Done);
    world.client(2, "a", Put(value(2)), Done);
    world.put(1, &[("a", 2)]);
    world.put(2, &[("a", 1)]);
    world.put(3, &[("a", 1)]);
    caught(world.end(), "op 2");
}

#[test]
fn a_later_write_of_unknown_outcome_passes() {
    let mut world = World::new(Acknowledged);
    world.client(1, "a", Put(value(1)), Unknown);
    world.client(2, "a", Put(value(2)), Done);
    (1..=3).for_each(|node| world.put(node, &[("a", 1)]));
    world.end().unwrap();
}

#[test]
fn a_write_that_failed_and_is_there_is_caught() {
    let mut world = World::new(Acknowledged);
    world.client(1, "a", Put(value(1)), Done);
    world.client(2, "a", Put(value(2)), Failed);
    (1..=3).for_each(|node| world.put(node, &[("a", 2)]));
    caught(world.end(), "op 1");
}

#[test]
fn a_deleted_row_that_came_back_is_caught() {
    let mut world = World::new(Acknowledged);
    world.client(1, "a", Put(value(1)), Done);
    world.client(2, "a", Delete, Done);
    world.end().unwrap();
    // One replica is enough: the others have nothing that is later.
    world.put(2, &[("a", 1)]);
    caught(world.end(), "op 2 (Delete)");
}

#[test]
fn writes_that_were_given_up_are_not_asked_for() {
    let mut world = World::new(Acknowledged);
    world.client(1, "a", Put(value(1)), Done);
    world.put(1, &[("a", 1)]);
    world.exclude(1).unwrap();
    caught(world.end(), "op 1");
    world.exclude(2).unwrap();
    world.end().unwrap();
}

#[test]
fn writes_that_a_way_back_saves_are_asked_for() {
    let mut world = World::new(Acknowledged);
    world.client(1, "a", Put(value(1)), Done);
    world.begin(TransitionKind::Migration).unwrap();
    world.lead_to(Stage::WriteBothReadNew);
    // Of the new set one is left, of the old one two.
    world.exclude(4).unwrap();
    world.exclude(2).unwrap();
    let back = [
        Stage::WriteBothReadOldFallback,
        Stage::CleanupTarget,
        Stage::RevertMigration,
    ];
    back.into_iter()
        .for_each(|stage| world.advance(Some(stage)).unwrap());
    world.advance(None).unwrap();
    world.put(1, &[("a", 1)]);
    world.put(3, &[("a", 1)]);
    world.end().unwrap();
    [1, 3].into_iter().for_each(|node| world.put(node, &[]));
    caught(world.end(), "op 1");
}
