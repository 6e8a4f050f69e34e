//! Broken runs that it catches, and good ones that it passes.

use tidegate_coordinator::OperationKind;
use tidegate_tablets::{Epoch, Stage, TransitionKind};

use super::Earned;
use crate::event::Event;
use crate::invariants::testing::{TABLET, World, caught, n};

/// In `stage`, with everything before it done.
fn at(kind: TransitionKind, stage: Stage) -> World {
    let mut world = World::new(Earned::default());
    world.begin(kind).unwrap();
    while world.transition().stage != stage {
        go_on(&mut world);
    }
    world
}

fn go_on(world: &mut World) {
    world.barriers().unwrap();
    operate(world);
    let next = world.transition().stage.next();
    world.advance(next).unwrap();
}

fn operate(world: &mut World) {
    let asked = match world.transition().stage {
        Stage::Streaming => vec![(4, OperationKind::Stream)],
        Stage::Cleanup => vec![(1, OperationKind::Cleanup)],
        Stage::CleanupTarget => vec![(4, OperationKind::Cleanup)],
        Stage::Fill => [1, 2, 3].map(|node| (node, OperationKind::Fill)).to_vec(),
        Stage::Purge => [1, 2, 3].map(|node| (node, OperationKind::Purge)).to_vec(),
        _ => Vec::new(),
    };
    for (node, kind) in asked {
        world.operation(node, kind).unwrap();
    }
}

#[test]
fn a_move_a_way_back_and_a_purge_that_did_all_pass() {
    let mut world = at(TransitionKind::Migration, Stage::EndMigration);
    go_on(&mut world);
    let mut world = at(TransitionKind::Migration, Stage::Streaming);
    world.cancel().unwrap();
    go_on(&mut world);
    go_on(&mut world);
    let mut world = at(TransitionKind::Purge, Stage::EndPurge);
    go_on(&mut world);
}

#[test]
fn a_barrier_that_one_participant_did_not_answer_is_caught() {
    let mut world = at(TransitionKind::Migration, Stage::WriteBothReadNew);
    [1, 2, 4]
        .into_iter()
        .try_for_each(|node| world.barrier(node))
        .unwrap();
    let next = world.transition().stage.next();
    caught(world.advance(next), "without the barrier of n3");
    // Nobody waits for one that is excluded.
    let mut world = at(TransitionKind::Migration, Stage::WriteBothReadNew);
    [1, 2, 4]
        .into_iter()
        .try_for_each(|node| world.barrier(node))
        .unwrap();
    world.exclude(3).unwrap();
    world.advance(next).unwrap();
}

#[test]
fn an_answer_for_another_epoch_is_caught() {
    let mut world = at(TransitionKind::Migration, Stage::UseNew);
    for node in 1..=4 {
        let before = Epoch::new(world.tablet().epoch.as_u64() - 1);
        let answer = Event::BarrierAnswered {
            node: n(node),
            tablet: TABLET,
            epoch: before,
            result: Ok(()),
        };
        world.tell(answer).unwrap();
    }
    let next = world.transition().stage.next();
    caught(world.advance(next), "without the barrier");
}

#[test]
fn an_operation_that_was_not_done_is_caught() {
    let mut world = at(TransitionKind::Migration, Stage::Streaming);
    caught(
        world.advance(Some(Stage::WriteBothReadNew)),
        "without the stream of n4",
    );
    let mut world = at(TransitionKind::Migration, Stage::Cleanup);
    world.operation(4, OperationKind::Cleanup).unwrap();
    caught(
        world.advance(Some(Stage::EndMigration)),
        "without the cleanup of n1",
    );
    let mut world = at(TransitionKind::Purge, Stage::Fill);
    world.barriers().unwrap();
    world.operation(1, OperationKind::Fill).unwrap();
    caught(world.advance(Some(Stage::Purge)), "without the fill of n2");
}
