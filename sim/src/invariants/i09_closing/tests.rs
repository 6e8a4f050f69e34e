//! Broken runs that it catches, and good ones that it passes.

use std::time::Duration;

use tidegate_session::SessionState::{Closed, Closing as Closes, Open};
use tidegate_tablets::{Stage, TransitionKind};

use super::Closing;
use crate::event::{EffectKind, Event, FaultKind};
use crate::invariants::testing::{Seen, World, caught, n};

fn streaming() -> World {
    let mut world = World::new(Closing::default());
    world.begin(TransitionKind::Migration).unwrap();
    world.lead_to(Stage::Streaming);
    let session = world.session();
    world.is(4, session, Open).unwrap();
    world
}

fn later(world: &mut World, millis: u64) -> Seen {
    world.at += Duration::from_millis(millis);
    world.tell(Event::Note(String::new()))
}

#[test]
fn a_session_that_is_let_go_at_once_passes() {
    let mut world = streaming();
    let session = world.session();
    later(&mut world, 9000).unwrap();
    world.is(4, session, Closes).unwrap();
    later(&mut world, 400).unwrap();
    world.is(4, session, Closed).unwrap();
    later(&mut world, 9000).unwrap();
}

#[test]
fn a_holder_that_nobody_has_woken_is_caught() {
    let mut world = streaming();
    let session = world.session();
    world.is(4, session, Closes).unwrap();
    caught(later(&mut world, 600), "somebody has held it for 600ms");
}

#[test]
fn one_that_lets_go_at_its_own_deadline_is_caught() {
    let mut world = streaming();
    let session = world.session();
    world.is(4, session, Closes).unwrap();
    world.at += Duration::from_millis(1200);
    caught(world.is(4, session, Closed), "held it for 1.2s");
}

#[test]
fn a_call_into_the_engine_may_hold_it() {
    let mut world = streaming();
    let session = world.session();
    let call = world.begins(4, EffectKind::Stage, Some(session)).unwrap();
    world.is(4, session, Closes).unwrap();
    later(&mut world, 3000).unwrap();
    let done = true;
    world.tell(Event::EffectEnded { call, done }).unwrap();
    later(&mut world, 10).unwrap();
    caught(later(&mut world, 600), "somebody has held it");
}

#[test]
fn a_fault_may_hold_it_and_a_crash_ends_it() {
    let mut world = streaming();
    let session = world.session();
    world.is(4, session, Closes).unwrap();
    world.tell(Event::Crashed { node: n(4) }).unwrap();
    later(&mut world, 3000).unwrap();

    let mut world = streaming();
    let session = world.session();
    let fault = Event::Fault {
        kind: FaultKind::SlowDisk,
        nodes: vec![n(4)],
        hits: Vec::new(),
    };
    world.tell(fault).unwrap();
    world.is(4, session, Closes).unwrap();
    later(&mut world, 3000).unwrap();
    world.tell(Event::Healed).unwrap();
    later(&mut world, 4900).unwrap();
    later(&mut world, 200).unwrap();
    caught(later(&mut world, 600), "somebody has held it");
}
