//! Broken runs that it catches, and good ones that it passes.

use tidegate_coordinator::OperationKind;
use tidegate_tablets::{Change, Stage, TransitionKind};

use super::Sinks;
use crate::event::EffectKind::Attach;
use crate::invariants::testing::{TABLET, World, caught};

fn streaming(kind: TransitionKind) -> World {
    let mut world = World::new(Sinks::default());
    if kind == TransitionKind::Rebuild {
        world.exclude(1).unwrap();
    }
    world.begin(kind).unwrap();
    world.put(1, &[("a", 5), ("b", 6)]);
    world.put(2, &[("a", 5)]);
    world.put(3, &[("b", 6)]);
    world.lead_to(Stage::Streaming);
    world
}

fn attach(world: &mut World) -> Result<(), String> {
    let session = world.session();
    world.does(4, Attach, Some(session))
}

#[test]
fn an_attach_of_all_that_the_leaving_replica_held_passes() {
    let mut world = streaming(TransitionKind::Migration);
    world.put(4, &[("a", 5), ("b", 7)]);
    attach(&mut world).unwrap();
    world.operation(4, OperationKind::Stream).unwrap();
}

#[test]
fn an_attach_of_less_is_caught() {
    let mut world = streaming(TransitionKind::Migration);
    world.put(4, &[("a", 5)]);
    caught(attach(&mut world), "of n1 it lacks b");
    let mut world = streaming(TransitionKind::Migration);
    world.put(4, &[("a", 4), ("b", 6)]);
    caught(attach(&mut world), "of n1 it lacks a");
}

#[test]
fn what_a_crash_took_from_the_source_is_not_asked_for() {
    let mut world = streaming(TransitionKind::Migration);
    world.put(1, &[("a", 5)]);
    world.put(4, &[("a", 5)]);
    attach(&mut world).unwrap();
}

#[test]
fn a_rebuild_from_one_source_is_caught() {
    let mut world = streaming(TransitionKind::Rebuild);
    world.put(4, &[("a", 5)]);
    caught(attach(&mut world), "1 of 2 sources are whole; of n3 it lacks b");
    world.put(4, &[("a", 5), ("b", 6)]);
    attach(&mut world).unwrap();
}

#[test]
fn an_operator_may_give_up_what_a_source_held() {
    let mut world = streaming(TransitionKind::Rebuild);
    let expected = world.tablet().epoch;
    let word = Change::AllowFewerSources {
        tablet: TABLET,
        expected,
    };
    world.change(&word).unwrap();
    attach(&mut world).unwrap();
    world.operation(4, OperationKind::Stream).unwrap();
}

#[test]
fn a_stream_that_is_done_without_an_attach_is_caught() {
    let mut world = streaming(TransitionKind::Migration);
    caught(world.operation(4, OperationKind::Stream), "has attached nothing");
}

#[test]
fn an_attach_without_a_stream_is_caught() {
    let mut world = World::new(Sinks::default());
    world.begin(TransitionKind::Migration).unwrap();
    world.lead_to(Stage::WriteBothReadOld);
    caught(attach(&mut world), "no stream was ever asked for");
}
