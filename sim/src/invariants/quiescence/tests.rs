//! Broken runs that it catches, and good ones that it passes.

use tidegate_session::SessionState::{Closed, Closing, Open};
use tidegate_tablets::{Stage, TransitionKind};

use super::Quiescence;
use crate::event::ClientAnswer::Done;
use crate::event::ClientOp::Delete;
use crate::event::EffectKind::Write;
use crate::invariants::testing::{World, caught};

#[test]
fn nothing_left_passes() {
    let mut world = World::new(Quiescence);
    world.client(1, "a", Delete, Done);
    world.does(1, Write, None).unwrap();
    world.end().unwrap();
}

#[test]
fn an_operation_that_never_returned_is_caught() {
    let mut world = World::new(Quiescence);
    world.invoke(1, "a", Delete).unwrap();
    caught(world.end(), "op 1 of a client");
}

#[test]
fn a_call_that_never_ended_is_caught() {
    let mut world = World::new(Quiescence);
    let call = world.begins(1, Write, None).unwrap();
    caught(world.end(), "never ended");
    world.ends(call).unwrap();
    world.end().unwrap();
}

#[test]
fn a_session_that_is_left_is_caught() {
    let mut world = World::new(Quiescence);
    world.begin(TransitionKind::Migration).unwrap();
    world.lead_to(Stage::Streaming);
    let session = world.session();
    world.is(4, session, Open).unwrap();
    world.end().unwrap();
    world.advance(Some(Stage::WriteBothReadNew)).unwrap();
    caught(world.end(), "still open");
    world.is(4, session, Closing).unwrap();
    caught(world.end(), "still closing");
    world.is(4, session, Closed).unwrap();
    world.end().unwrap();
}

#[test]
fn streams_and_tasks_that_are_left_are_caught() {
    let mut world = World::new(Quiescence);
    world.look().left = (1, 0);
    caught(world.end(), "1 streams and 0 tasks");
    world.look().left = (0, 2);
    caught(world.end(), "0 streams and 2 tasks");
}
