//! Broken runs that it catches, and good ones that it passes.

use tidegate_session::SessionState::{Closed, Closing, Open};
use tidegate_tablets::{Stage, TransitionKind};

use super::Effects;
use crate::event::EffectKind::{Attach, Purge, Remove, Stage as StageRows, Write};
use crate::invariants::testing::{World, caught};

fn streaming() -> World {
    let mut world = World::new(Effects);
    world.begin(TransitionKind::Migration).unwrap();
    world.lead_to(Stage::Streaming);
    let session = world.session();
    world.applied(4).unwrap();
    world.is(4, session, Open).unwrap();
    world
}

#[test]
fn effects_inside_their_session_pass() {
    let mut world = streaming();
    let session = world.session();
    world.does(4, StageRows, Some(session)).unwrap();
    let attach = world.begins(4, Attach, Some(session)).unwrap();
    world.advance(Some(Stage::WriteBothReadNew)).unwrap();
    world.is(4, session, Closing).unwrap();
    world.ends(attach).unwrap();
    world.is(4, session, Closed).unwrap();
    world.barriers().unwrap();
    world.does(4, Write, None).unwrap();
}

#[test]
fn an_effect_after_its_session_is_caught() {
    let mut world = streaming();
    let session = world.session();
    world.advance(Some(Stage::WriteBothReadNew)).unwrap();
    world.is(4, session, Closing).unwrap();
    world.is(4, session, Closed).unwrap();
    caught(
        world.does(4, Attach, Some(session)),
        "whose state there is Some(Closed)",
    );
}

#[test]
fn an_effect_on_a_node_that_never_opened_its_session_is_caught() {
    let mut world = streaming();
    let session = world.session();
    caught(
        world.does(1, StageRows, Some(session)),
        "whose state there is None",
    );
}

#[test]
fn a_guard_let_go_before_the_end_of_its_call_is_caught() {
    let mut world = streaming();
    let session = world.session();
    world.begins(4, Attach, Some(session)).unwrap();
    world.advance(Some(Stage::WriteBothReadNew)).unwrap();
    world.is(4, session, Closing).unwrap();
    caught(world.is(4, session, Closed), "is closed while Attach");
}

#[test]
fn a_barrier_that_drained_nothing_is_caught() {
    let mut world = streaming();
    let session = world.session();
    world.advance(Some(Stage::WriteBothReadNew)).unwrap();
    world.is(4, session, Closing).unwrap();
    caught(world.barrier(4), "is not closed there");
    let mut world = streaming();
    let session = world.session();
    world.begins(4, StageRows, Some(session)).unwrap();
    world.cancel().unwrap();
    caught(world.barrier(4), "while Stage #1");
}

#[test]
fn an_effect_after_a_barrier_is_caught_across_a_restart() {
    let mut world = streaming();
    let session = world.session();
    world.cancel().unwrap();
    world.is(4, session, Closing).unwrap();
    world.is(4, session, Closed).unwrap();
    world.barrier(4).unwrap();
    // The node has forgotten.
    world.is_in(1, 4, session, Open).unwrap();
    caught(
        world.does(4, StageRows, Some(session)),
        "cleared before the barrier",
    );
}

#[test]
fn an_older_request_after_its_barrier_is_caught() {
    let mut world = World::new(Effects);
    world.begin(TransitionKind::Migration).unwrap();
    world.begins(1, Write, None).unwrap();
    world.lead_to(Stage::WriteBothReadOld);
    caught(world.barrier(1), "while Write #1");
}

#[test]
fn a_request_at_a_replica_that_writes_left_is_caught() {
    let mut world = World::new(Effects);
    world.does(1, Write, None).unwrap();
    caught(world.does(4, Write, None), "writes go to it at no epoch");
    world.begin(TransitionKind::Migration).unwrap();
    world.lead_to(Stage::UseNew);
    // Nobody has told it yet.
    world.does(1, Write, None).unwrap();
    world.barrier(1).unwrap();
    caught(world.does(1, Write, None), "writes go to it at no epoch");
}

#[test]
fn an_effect_under_no_session_is_caught() {
    let mut world = streaming();
    caught(world.does(4, StageRows, None), "under no session");
    caught(world.does(1, Purge, None), "under no session");
    caught(world.does(1, Remove, None), "takes part in it");
    caught(world.does(4, Remove, None), "takes part in it");
    world.does(5, Remove, None).unwrap();
}

#[test]
fn an_effect_under_the_session_of_another_stage_is_caught() {
    let mut world = streaming();
    let session = world.session();
    caught(
        world.does(4, Purge, Some(session)),
        "a session of write_both_read_old",
    );
    caught(
        world.does(4, Write, Some(session)),
        "a session of write_both_read_old",
    );
}
