//! Broken runs that it catches, and good ones that it passes.

use super::Barriers;
use crate::event::Event;
use crate::invariants::testing::{Seen, TABLET, World, caught, n};

fn answers(error: &str) -> Seen {
    let mut world = World::new(Barriers);
    let epoch = world.tablet().epoch;
    world.tell(Event::BarrierAnswered {
        node: n(1),
        tablet: TABLET,
        epoch,
        result: Err(error.to_owned()),
    })
}

#[test]
fn a_barrier_that_names_its_holder_passes() {
    answers("held by stream tablet=0 node=4 session=1 age=2s idle=1s").unwrap();
    answers("the node is not ready: it has applied version 3").unwrap();
}

#[test]
fn a_barrier_that_names_nothing_is_caught() {
    caught(answers("held by "), "names nothing");
    caught(answers(""), "names nothing");
}
