//! Broken runs that it catches, and good ones that it passes.

use tidegate_tablets::{Stage, TransitionKind};

use super::WholeTransfers;
use crate::event::EffectKind::{Attach, Remove, Stage as StageRows, Write};
use crate::invariants::testing::{World, caught};

fn streaming() -> World {
    let mut world = World::new(WholeTransfers::default());
    world.begin(TransitionKind::Migration).unwrap();
    world.lead_to(Stage::Streaming);
    world.put(4, &[("b", 9)]);
    world
}

#[test]
fn staging_that_nobody_sees_passes() {
    let mut world = streaming();
    let session = world.session();
    let call = world.begins(4, StageRows, Some(session)).unwrap();
    world.stage(4, session, &[("a", 1)]);
    world.ends(call).unwrap();
    let call = world.begins(4, Attach, Some(session)).unwrap();
    world.put(4, &[("a", 1), ("b", 9)]);
    world.ends(call).unwrap();
}

#[test]
fn a_batch_that_is_seen_before_its_attach_is_caught() {
    let mut world = streaming();
    let session = world.session();
    let call = world.begins(4, StageRows, Some(session)).unwrap();
    world.put(4, &[("a", 1), ("b", 9)]);
    caught(world.ends(call), "changed what readers see");
}

#[test]
fn what_a_request_puts_meanwhile_is_not_taken_for_the_batch() {
    let mut world = streaming();
    let session = world.session();
    let write = world.begins(4, Write, None).unwrap();
    let call = world.begins(4, StageRows, Some(session)).unwrap();
    world.put(4, &[("b", 10)]);
    world.ends(write).unwrap();
    world.ends(call).unwrap();
}

#[test]
fn an_attach_over_a_later_row_is_caught() {
    let mut world = streaming();
    let session = world.session();
    let call = world.begins(4, Attach, Some(session)).unwrap();
    world.put(4, &[("a", 1), ("b", 3)]);
    caught(world.ends(call), "took away the later row of b");
    let mut world = streaming();
    let call = world.begins(4, Attach, Some(session)).unwrap();
    world.does(4, Remove, Some(session)).unwrap();
    world.put(4, &[]);
    world.ends(call).unwrap();
}
