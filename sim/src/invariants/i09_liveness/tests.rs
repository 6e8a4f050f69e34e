//! Broken runs that it catches, and good ones that it passes.

use tidegate_tablets::{Stage, TransitionKind};

use super::Liveness;
use crate::event::ClientAnswer::{Unknown, Value};
use crate::event::ClientOp::Get;
use crate::event::Event;
use crate::invariants::testing::{World, caught};

#[test]
fn a_transition_that_ended_passes() {
    let mut world = World::new(Liveness);
    world.begin(TransitionKind::Migration).unwrap();
    world.lead_to(Stage::EndMigration);
    world.advance(None).unwrap();
    world.tell(Event::Healed).unwrap();
    world.client(1, "a", Get, Value(None));
    world.end().unwrap();
}

#[test]
fn a_transition_that_does_not_end_is_caught() {
    let mut world = World::new(Liveness);
    world.begin(TransitionKind::Migration).unwrap();
    world.lead_to(Stage::Cleanup);
    world.end().unwrap();
    world.tell(Event::Healed).unwrap();
    caught(world.end(), "the migration of t0 is still in cleanup");
}

#[test]
fn only_a_rebuild_without_sources_may_wait() {
    let mut world = World::new(Liveness);
    world.exclude(1).unwrap();
    world.begin(TransitionKind::Rebuild).unwrap();
    world.tell(Event::Healed).unwrap();
    caught(world.end(), "still in allow_write_both_read_old");
    world.exclude(2).unwrap();
    world.end().unwrap();
}

#[test]
fn a_key_that_cannot_be_read_is_caught() {
    let mut world = World::new(Liveness);
    world.client(1, "a", Get, Unknown);
    world.tell(Event::Healed).unwrap();
    world.end().unwrap();
    world.client(2, "a", Get, Unknown);
    caught(world.end(), "key a of t0 cannot be read");
    world.client(3, "a", Get, Value(None));
    world.end().unwrap();
}
