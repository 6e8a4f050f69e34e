//! Broken runs that it catches, and good ones that it passes.

use super::Linearizable;
use crate::event::ClientAnswer::{Done, Failed, Unknown, Value};
use crate::event::ClientOp::{Delete, Get, Put};
use crate::invariants::testing::{World, caught, value};

fn world() -> World {
    World::new(Linearizable::default())
}

fn reads(world: &mut World, op: u64, time: Option<u64>) {
    world.client(op, "a", Get, Value(time.map(value)));
}

#[test]
fn one_after_another_passes() {
    let mut world = world();
    reads(&mut world, 1, None);
    world.client(2, "a", Put(value(1)), Done);
    reads(&mut world, 3, Some(1));
    world.client(4, "b", Put(value(2)), Done);
    reads(&mut world, 5, Some(1));
    world.client(6, "a", Delete, Done);
    reads(&mut world, 7, None);
    world.end().unwrap();
}

#[test]
fn a_read_of_what_was_overwritten_is_caught() {
    let mut world = world();
    world.client(1, "a", Put(value(1)), Done);
    world.client(2, "a", Put(value(2)), Done);
    reads(&mut world, 3, Some(1));
    reads(&mut world, 4, Some(2));
    caught(world.end(), "op 3 Get");
}

#[test]
fn a_lost_write_and_one_that_nobody_made_are_caught() {
    let mut lost = world();
    lost.client(1, "a", Put(value(1)), Done);
    reads(&mut lost, 2, None);
    caught(lost.end(), "op 2 Get");
    let mut made = world();
    reads(&mut made, 1, Some(9));
    caught(made.end(), "op 1 Get");
}

#[test]
fn a_write_of_unknown_outcome_may_take_effect_late_or_never() {
    let mut world = world();
    world.client(1, "a", Put(value(1)), Done);
    world.client(2, "a", Put(value(2)), Unknown);
    reads(&mut world, 3, Some(1));
    world.client(4, "a", Put(value(4)), Unknown);
    reads(&mut world, 5, Some(1));
    reads(&mut world, 6, Some(2));
    world.client(7, "a", Delete, Unknown);
    reads(&mut world, 8, Some(2));
    reads(&mut world, 9, None);
    // One that never returned.
    world.invoke(10, "a", Put(value(10))).unwrap();
    reads(&mut world, 11, Some(10));
    world.end().unwrap();
}

#[test]
fn a_write_of_unknown_outcome_that_takes_effect_twice_is_caught() {
    let mut world = world();
    world.client(1, "a", Put(value(1)), Unknown);
    reads(&mut world, 2, Some(1));
    world.client(3, "a", Put(value(3)), Done);
    reads(&mut world, 4, Some(1));
    caught(world.end(), "op 4 Get");
}

#[test]
fn a_failed_write_that_is_read_is_caught() {
    let mut world = world();
    world.client(1, "a", Put(value(1)), Failed);
    reads(&mut world, 2, None);
    world.end().unwrap();
    reads(&mut world, 3, Some(1));
    caught(world.end(), "op 3 Get");
}

#[test]
fn a_deleted_key_that_comes_back_is_caught() {
    let mut world = world();
    world.client(1, "a", Put(value(1)), Done);
    world.client(2, "a", Delete, Done);
    reads(&mut world, 3, None);
    reads(&mut world, 4, Some(1));
    caught(world.end(), "op 4 Get");
}

#[test]
fn what_overlaps_may_come_in_any_order() {
    let mut world = world();
    world.invoke(1, "a", Put(value(1))).unwrap();
    world.invoke(2, "a", Put(value(2))).unwrap();
    reads(&mut world, 3, Some(2));
    reads(&mut world, 4, Some(1));
    world.answer(1, Done).unwrap();
    world.answer(2, Done).unwrap();
    world.end().unwrap();
    reads(&mut world, 5, Some(2));
    caught(world.end(), "op 5 Get");
}

#[test]
fn a_key_whose_writes_were_given_up_is_not_looked_at() {
    let mut world = world();
    world.client(1, "a", Put(value(1)), Done);
    reads(&mut world, 2, None);
    world.exclude(1).unwrap();
    world.exclude(2).unwrap();
    world.end().unwrap();
}
