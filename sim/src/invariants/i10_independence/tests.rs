//! Broken runs that it catches, and good ones that it passes.

use std::time::Duration;

use tidegate_session::SessionState::{Closed, Closing};
use tidegate_tablets::{Epoch, Stage, TabletId, TransitionKind};

use super::Independence;
use crate::event::{Event, FaultKind};
use crate::invariants::testing::{Seen, TABLET, World, caught, n};

fn asked() -> World {
    let mut world = World::new(Independence::default());
    world.begin(TransitionKind::Migration).unwrap();
    world.lead_to(Stage::WriteBothReadNew);
    world.applied(4).unwrap();
    ask(&mut world);
    world
}

fn ask(world: &mut World) {
    let asked = Event::BarrierAsked {
        node: n(4),
        tablet: TABLET,
        epoch: world.tablet().epoch,
        min_version: world.metadata.version,
    };
    world.tell(asked).unwrap();
}

fn later(world: &mut World, millis: u64) -> Seen {
    world.at += Duration::from_millis(millis);
    world.tell(Event::Note(String::new()))
}

#[test]
fn an_answer_in_time_passes() {
    let mut world = asked();
    later(&mut world, 10).unwrap();
    later(&mut world, 900).unwrap();
    world.barrier(4).unwrap();
    later(&mut world, 5000).unwrap();
}

#[test]
fn an_answer_that_nothing_of_its_own_holds_up_is_caught() {
    let mut world = asked();
    later(&mut world, 10).unwrap();
    caught(later(&mut world, 1500), "has not answered the barrier of t0");
}

#[test]
fn a_session_of_its_own_may_hold_it() {
    let mut world = asked();
    let own = TABLET.session_at(Epoch::new(3));
    world.is(4, own, Closing).unwrap();
    later(&mut world, 10).unwrap();
    later(&mut world, 3000).unwrap();
    world.is(4, own, Closed).unwrap();
    let other = TabletId::new(7).session_at(Epoch::new(3));
    world.is(4, other, Closing).unwrap();
    later(&mut world, 10).unwrap();
    caught(later(&mut world, 1500), "nothing of t0 has held it");
}

#[test]
fn a_fault_may_hold_it() {
    let mut world = asked();
    let fault = Event::Fault {
        kind: FaultKind::HalfOpen,
        nodes: vec![n(4)],
        hits: Vec::new(),
    };
    world.tell(fault).unwrap();
    later(&mut world, 10).unwrap();
    later(&mut world, 3000).unwrap();
}

#[test]
fn a_holder_of_another_tablet_is_caught() {
    let mut world = asked();
    let epoch = world.tablet().epoch;
    let mut held_by = |tablet: TabletId| {
        let session = tablet.session_at(Epoch::new(3));
        world.tell(Event::BarrierAnswered {
            node: n(4),
            tablet: TABLET,
            epoch,
            result: Err(format!("held by stream session={session} age=1s idle=1s")),
        })
    };
    held_by(TABLET).unwrap();
    caught(held_by(TabletId::new(7)), "t7 holds the barrier of t0");
}

#[test]
fn a_slow_disk_may_hold_it_until_some_time_after_it_was_healed() {
    let mut world = asked();
    let fault = Event::Fault {
        kind: FaultKind::SlowDisk,
        nodes: vec![n(4)],
        hits: Vec::new(),
    };
    world.tell(fault).unwrap();
    ask(&mut world);
    later(&mut world, 10).unwrap();
    later(&mut world, 3000).unwrap();
    world.tell(Event::Healed).unwrap();
    ask(&mut world);
    later(&mut world, 10).unwrap();
    later(&mut world, 5000).unwrap();
    caught(later(&mut world, 1500), "has not answered the barrier of t0");
}
