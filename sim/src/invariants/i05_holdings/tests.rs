//! Broken runs that it catches, and good ones that it passes.

use tidegate_tablets::{Change, Stage, TransitionKind};

use super::Holdings;
use crate::invariants::testing::{TABLE, World, caught};

fn ending() -> World {
    let mut world = World::new(Holdings);
    world.begin(TransitionKind::Migration).unwrap();
    world.lead_to(Stage::EndMigration);
    for node in 2..=4 {
        world.put(node, &[("a", 1)]);
    }
    world
}

#[test]
fn data_of_current_replicas_passes() {
    let mut world = ending();
    world.advance(None).unwrap();
    world.end().unwrap();
}

#[test]
fn rows_of_a_replica_that_left_are_caught() {
    let mut world = ending();
    world.put(1, &[("a", 1)]);
    caught(world.advance(None), "n1 is no replica of t0 any more");
    let mut world = ending();
    world.put(1, &[("a", 1)]);
    world.exclude(1).unwrap();
    world.advance(None).unwrap();
    world.end().unwrap();
}

#[test]
fn rows_that_come_later_are_caught_at_the_end() {
    let mut world = ending();
    world.advance(None).unwrap();
    world.put(1, &[("a", 1)]);
    caught(world.end(), "n1 holds 1 rows of t0");
}

#[test]
fn what_is_left_staged_is_caught_at_the_end() {
    let mut world = ending();
    let session = crate::invariants::testing::TABLET.session_at(world.tablet().epoch);
    world.advance(None).unwrap();
    world.stage(4, session, &[("a", 1)]);
    caught(world.end(), "staged rows");
}

#[test]
fn rows_of_a_dropped_table_are_caught_at_the_end() {
    let mut world = World::new(Holdings);
    world.put(2, &[("a", 1)]);
    world.change(&Change::DropTable { table: TABLE }).unwrap();
    caught(world.end(), "no replica of it");
}
