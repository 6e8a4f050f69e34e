//! Broken runs that it catches, and good ones that it passes.

use tidegate_guard::SessionId;
use tidegate_session::SessionState::{Closing, Open};
use tidegate_tablets::{Epoch, Stage, TransitionKind};

use super::Thaw;
use crate::event::Event;
use crate::invariants::testing::{Seen, TABLET, World, caught, n};

fn streaming() -> World {
    let mut world = World::new(Thaw);
    world.begin(TransitionKind::Migration).unwrap();
    world.lead_to(Stage::Streaming);
    let session = world.session();
    world.is(4, session, Open).unwrap();
    world
}

fn thaw(world: &mut World, asked: SessionId, given: Option<SessionId>) -> Seen {
    world.tell(Event::Thawed {
        node: n(4),
        asked,
        given,
    })
}

#[test]
fn a_guard_of_the_session_asked_for_passes() {
    let mut world = streaming();
    let session = world.session();
    thaw(&mut world, session, Some(session)).unwrap();
    thaw(&mut world, TABLET.session_at(Epoch::new(1)), None).unwrap();
}

#[test]
fn a_guard_of_another_session_is_caught() {
    let mut world = streaming();
    let session = world.session();
    let asked = TABLET.session_at(Epoch::new(1));
    caught(thaw(&mut world, asked, Some(session)), "gave a guard of t0@e3");
}

#[test]
fn a_guard_of_a_closing_session_is_caught() {
    let mut world = streaming();
    let session = world.session();
    world.is(4, session, Closing).unwrap();
    caught(thaw(&mut world, session, Some(session)), "Closing");
}
