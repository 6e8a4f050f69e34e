//! What was found half-way, refused, dropped or lost.

use super::*;
use OperationKind::{Cleanup, Stream};
use TransitionKind::Migration;

#[test]
fn a_coordinator_that_finds_cleanup_target_runs_its_barrier_again() {
    let mut world = World::at(Migration, Stage::CleanupTarget);
    world.barriers_done();
    assert_eq!(world.operations(), [(Cleanup, 4)]);
    world.progress = Progress::new(retry());
    world.progress.observe(&world.metadata, &Touched::All, 0);
    assert_eq!(world.barriers(), [1, 2, 3, 4]);
    assert_eq!(world.operations(), []);
}

#[test]
fn a_change_is_proposed_once_and_again_only_when_it_has_been_refused_or_forgotten() {
    let mut world = World::at(Migration, Stage::UseNew);
    world.barriers_done();
    let epoch = world.epoch();
    world.progress.change_started(TABLET, epoch, None);
    assert_eq!(world.proposal(), None);
    world
        .progress
        .change_ended(TABLET, epoch, Err("no leader".to_owned()), world.now_ms);
    assert_eq!(world.proposal(), None, "after a while");
    world.now_ms += 10;
    assert!(world.proposal().is_some());
    world.progress.change_ended(TABLET, epoch, Ok(()), world.now_ms);
    assert_eq!(world.proposal(), None, "the metadata is on its way");
    world.now_ms += 80;
    assert!(world.proposal().is_some(), "and did not come");
}

#[test]
fn a_tablet_is_planned_again_when_the_last_of_those_asked_has_answered() {
    let mut world = World::at(Migration, Stage::UseNew);
    let epoch = world.epoch();
    for node in world.barriers() {
        world.progress.barrier_started(TABLET, epoch, n(node));
    }
    world.progress.take_agenda(world.now_ms);
    let answer = |world: &mut World, node| {
        world.progress.barrier_ended(TABLET, epoch, n(node), Ok(()), 0);
        world.progress.take_agenda(world.now_ms).contains(&TABLET)
    };
    assert_eq!([1, 2].map(|node| answer(&mut world, node)), [false, false]);
    // Its call is aborted: it never answers, and nobody waits for it.
    world.exclude(3);
    world.progress.look_past(n(3));
    assert!(world.progress.take_agenda(world.now_ms).contains(&TABLET));
    assert!(answer(&mut world, 4), "the last one that was waited for");
    assert!(world.proposal().is_some());
}

#[test]
fn a_dropped_table_is_forgotten() {
    let mut world = World::at(Migration, Stage::Streaming);
    let (session, _) = world.transition().session.expect("a session");
    let table = world.tablet().table;
    let epoch = world.epoch();
    world.apply(&Change::DropTable { table }).expect("a table");
    assert_eq!(world.plan(), []);
    assert_eq!(world.progress.tablets().count(), 0);
    world
        .progress
        .operation_ended(TABLET, session, Stream, n(4), Ok(()), 0);
    world.progress.barrier_ended(TABLET, epoch, n(4), Ok(()), 0);
    world.progress.change_ended(TABLET, epoch, Ok(()), 0);
    assert_eq!(
        world.progress.tablets().count(),
        0,
        "late answers bring nothing back"
    );
    assert_eq!(explain(&world.metadata, &world.progress, TABLET), None);
}

#[test]
fn a_missing_pending_replica_skips_what_it_would_have_done() {
    let missing = |transition: &mut Transition| transition.new.clone_from(&transition.old);
    for (stage, what) in [
        (Stage::Streaming, "the transition has no pending replica"),
        (Stage::Cleanup, "the transition has no leaving replica"),
        (Stage::CleanupTarget, "the transition has no pending replica"),
    ] {
        let mut world = World::at(Migration, stage);
        world.edit(missing);
        assert!(
            world.barriers().is_empty() || world.barriers() == [1, 2, 3],
            "{stage}"
        );
        world.barriers_done();
        assert_eq!(
            world.proposal(),
            Some((stage.next(), None, Some(what))),
            "{stage}"
        );
    }
}

#[test]
fn a_stage_that_lost_its_session_neither_goes_on_nor_panics() {
    let mut world = World::at(Migration, Stage::Cleanup);
    world.edit(|transition| transition.session = None);
    assert_eq!(world.operations(), []);
    assert_eq!(world.proposal(), None);
    assert!(
        matches!(world.plan()[..], [Action::GiveUp { .. }]),
        "someone should look"
    );

    let mut world = World::at(Migration, Stage::Streaming);
    world.edit(|transition| transition.session = None);
    assert!(matches!(
        world.back(),
        Some((Stage::CleanupTarget, WayBack::Spent(_)))
    ));
}

#[test]
fn actions_come_by_tablet_and_then_by_node() {
    let mut world = World::new(3);
    for tablet in [2, 0, 1].map(TabletId::new) {
        let (leaving, pending) = (Some(n(1)), Some(n(4)));
        let (kind, expected) = (Migration, Epoch::new(1));
        let begin = Change::Begin {
            tablet,
            expected,
            kind,
            leaving,
            pending,
            purge_floor: 0,
            reason: Reason::Operator,
        };
        assert!(matches!(world.apply(&begin), Ok(Accepted::Epoch(_))));
    }
    let order: Vec<(u64, u64)> = world
        .plan()
        .into_iter()
        .filter_map(|action| match action {
            Action::Barrier { node, tablet, .. } => Some((tablet.as_u64(), node.as_u64())),
            _ => None,
        })
        .collect();
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert_eq!((order.len(), &order), (12, &sorted));
}
