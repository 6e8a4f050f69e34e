//! Broken runs that it catches, and good ones that it passes.

use std::time::Duration;

use tidegate_session::SessionState::{Closing, Open};
use tidegate_tablets::{Stage, TransitionKind};

use super::Applying;
use crate::event::Event;
use crate::invariants::testing::{Seen, World, caught};

fn streaming() -> World {
    let mut world = World::new(Applying::default());
    world.begin(TransitionKind::Migration).unwrap();
    world.lead_to(Stage::Streaming);
    world.applied(4).unwrap();
    let session = world.session();
    world.is(4, session, Open).unwrap();
    later(&mut world).unwrap();
    world
}

fn later(world: &mut World) -> Seen {
    world.at += Duration::from_millis(200);
    world.tell(Event::Note(String::new()))
}

#[test]
fn what_is_applied_and_in_force_passes() {
    let mut world = streaming();
    let session = world.session();
    world.cancel().unwrap();
    later(&mut world).unwrap();
    world.applied(4).unwrap();
    world.is(4, session, Closing).unwrap();
    let next = world.session();
    world.is(4, next, Open).unwrap();
    later(&mut world).unwrap();
}

#[test]
fn a_session_that_stays_open_is_caught() {
    let mut world = streaming();
    world.advance(Some(Stage::WriteBothReadNew)).unwrap();
    world.applied(4).unwrap();
    caught(later(&mut world), "cleared by then, is still open");
}

#[test]
fn a_session_that_is_not_opened_is_caught() {
    let mut world = streaming();
    let session = world.session();
    world.cancel().unwrap();
    world.applied(4).unwrap();
    world.is(4, session, Closing).unwrap();
    caught(later(&mut world), "named by it, is not open");
}
