//! Broken runs that it catches, and good ones that it passes.

use tidegate_session::SessionState::{Closed, Closing, Open};
use tidegate_tablets::{Stage, TransitionKind, Version};

use super::SessionStates;
use crate::event::Event;
use crate::invariants::testing::{World, caught, n};

fn streaming() -> World {
    let mut world = World::new(SessionStates);
    world.begin(TransitionKind::Migration).unwrap();
    world.lead_to(Stage::Streaming);
    world.applied(4).unwrap();
    world
}

fn restart(world: &mut World, node: u64) {
    world.tell(Event::Crashed { node: n(node) }).unwrap();
    let started = Event::Started {
        node: n(node),
        incarnation: 2,
        version: Version::new(1),
    };
    world.tell(started).unwrap();
}

#[test]
fn open_closing_closed_passes() {
    let mut world = streaming();
    let session = world.session();
    world.is(4, session, Open).unwrap();
    world.advance(Some(Stage::WriteBothReadNew)).unwrap();
    world.is(4, session, Closing).unwrap();
    world.is(4, session, Closed).unwrap();
    world.barrier(4).unwrap();
}

#[test]
fn a_session_opens_again_after_a_restart_while_it_is_named() {
    let mut world = streaming();
    let session = world.session();
    world.is(4, session, Open).unwrap();
    restart(&mut world, 4);
    world.applied(4).unwrap();
    world.is_in(2, 4, session, Open).unwrap();
    // What the start before still does, nobody sees.
    world.is_in(1, 4, session, Closed).unwrap();
}

#[test]
fn a_node_that_stops_closes_what_its_next_start_opens() {
    let mut world = streaming();
    let session = world.session();
    world.is(4, session, Open).unwrap();
    world.tell(Event::Stopping { node: n(4) }).unwrap();
    world.is(4, session, Closing).unwrap();
    world.is(4, session, Closed).unwrap();
    restart(&mut world, 4);
    world.applied(4).unwrap();
    world.is_in(2, 4, session, Open).unwrap();
    caught(world.is_in(2, 4, session, Closing), "no metadata has cleared");
}

#[test]
fn a_session_that_opens_on_a_node_that_stops_is_caught() {
    let mut world = streaming();
    let session = world.session();
    world.tell(Event::Stopping { node: n(4) }).unwrap();
    caught(world.is(4, session, Open), "was told to stop");
    // Another node's stop allows nothing.
    let mut world = streaming();
    let session = world.session();
    world.is(4, session, Open).unwrap();
    world.tell(Event::Stopping { node: n(1) }).unwrap();
    caught(world.is(4, session, Closing), "no metadata has cleared");
}

#[test]
fn a_session_cleared_before_the_stop_that_comes_back_is_caught() {
    let mut world = streaming();
    let session = world.session();
    world.is(4, session, Open).unwrap();
    world.cancel().unwrap();
    world.tell(Event::Stopping { node: n(4) }).unwrap();
    world.is(4, session, Closing).unwrap();
    world.is(4, session, Closed).unwrap();
    restart(&mut world, 4);
    world.applied(4).unwrap();
    caught(world.is_in(2, 4, session, Open), "in incarnation 1");
}

#[test]
fn a_session_that_comes_back_is_caught() {
    let mut world = streaming();
    let session = world.session();
    world.is(4, session, Open).unwrap();
    world.cancel().unwrap();
    world.is(4, session, Closing).unwrap();
    caught(world.is(4, session, Open), "which was Closing");
    let mut world = streaming();
    let session = world.session();
    world.is(4, session, Open).unwrap();
    world.cancel().unwrap();
    world.is(4, session, Closing).unwrap();
    restart(&mut world, 4);
    world.applied(4).unwrap();
    caught(world.is_in(2, 4, session, Open), "in incarnation 1");
}

#[test]
fn a_session_that_opens_after_its_barrier_is_caught() {
    let mut world = streaming();
    let session = world.session();
    world.cancel().unwrap();
    world.barrier(4).unwrap();
    caught(world.is(4, session, Open), "cleared before the barrier");
}

#[test]
fn a_session_opened_on_demand_is_caught() {
    let mut world = World::new(SessionStates);
    world.begin(TransitionKind::Migration).unwrap();
    world.applied(4).unwrap();
    world.lead_to(Stage::Streaming);
    let session = world.session();
    caught(world.is(4, session, Open), "has applied version");
    caught(world.is(5, session, Open), "takes no part");
    let other = crate::invariants::testing::TABLET.session_at(tidegate_tablets::Epoch::new(99));
    caught(world.is(4, other, Open), "never decided");
}

#[test]
fn a_session_closed_while_it_is_named_is_caught() {
    let mut world = streaming();
    let session = world.session();
    world.is(4, session, Open).unwrap();
    caught(world.is(4, session, Closing), "no metadata has cleared");
}

#[test]
fn a_session_closed_at_once_is_caught() {
    let mut world = streaming();
    let session = world.session();
    world.is(4, session, Open).unwrap();
    world.cancel().unwrap();
    caught(world.is(4, session, Closed), "was open, and is closed");
}

#[test]
fn an_id_that_comes_twice_is_caught() {
    let mut world = streaming();
    let session = world.session();
    world.lead_to(Stage::WriteBothReadNew);
    let seen = world.edit(|tablet| {
        tablet.epoch = tablet.epoch.next();
        let transition = tablet.transition.as_mut().unwrap();
        transition.stage = Stage::UseNew;
        transition.session = Some((session, tablet.epoch));
    });
    caught(seen, "again");
}
