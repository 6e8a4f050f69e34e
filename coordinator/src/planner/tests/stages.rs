//! Each stage: whom it asks for what, and where it then leads.

use super::*;
use OperationKind::{Cleanup, Fill, Purge, Stream};
use TransitionKind::{Migration, Rebuild};

/// A stage's row: whose barriers, then whose operation, then where to.
struct Row {
    kind: TransitionKind,
    stage: Stage,
    barriers: &'static [u64],
    operations: &'static [(OperationKind, u64)],
    next: Option<Stage>,
}

const fn row(
    kind: TransitionKind,
    stage: Stage,
    barriers: &'static [u64],
    operations: &'static [(OperationKind, u64)],
    next: Option<Stage>,
) -> Row {
    Row {
        kind,
        stage,
        barriers,
        operations,
        next,
    }
}

/// A rebuild's leaving replica 1 is excluded, and so is the fallback's pending replica 4.
const ROWS: &[Row] = &[
    row(
        Migration,
        Stage::AllowWriteBothReadOld,
        &[1, 2, 3, 4],
        &[],
        Some(Stage::WriteBothReadOld),
    ),
    row(
        Migration,
        Stage::WriteBothReadOld,
        &[1, 2, 3, 4],
        &[],
        Some(Stage::Streaming),
    ),
    row(
        Migration,
        Stage::Streaming,
        &[],
        &[(Stream, 4)],
        Some(Stage::WriteBothReadNew),
    ),
    row(
        Migration,
        Stage::WriteBothReadNew,
        &[1, 2, 3, 4],
        &[],
        Some(Stage::UseNew),
    ),
    row(Migration, Stage::UseNew, &[1, 2, 3, 4], &[], Some(Stage::Cleanup)),
    row(
        Migration,
        Stage::Cleanup,
        &[],
        &[(Cleanup, 1)],
        Some(Stage::EndMigration),
    ),
    row(Migration, Stage::EndMigration, &[1, 2, 3, 4], &[], None),
    row(
        Migration,
        Stage::CleanupTarget,
        &[1, 2, 3, 4],
        &[(Cleanup, 4)],
        Some(Stage::RevertMigration),
    ),
    row(Migration, Stage::RevertMigration, &[1, 2, 3, 4], &[], None),
    row(
        Migration,
        Stage::WriteBothReadOldFallback,
        &[1, 2, 3],
        &[],
        Some(Stage::CleanupTarget),
    ),
    row(
        Rebuild,
        Stage::AllowWriteBothReadOld,
        &[2, 3, 4],
        &[],
        Some(Stage::WriteBothReadOld),
    ),
    row(
        Rebuild,
        Stage::WriteBothReadOld,
        &[2, 3, 4],
        &[],
        Some(Stage::Streaming),
    ),
    row(
        Rebuild,
        Stage::Streaming,
        &[],
        &[(Stream, 4)],
        Some(Stage::WriteBothReadNew),
    ),
    row(
        Rebuild,
        Stage::WriteBothReadNew,
        &[2, 3, 4],
        &[],
        Some(Stage::UseNew),
    ),
    row(Rebuild, Stage::UseNew, &[2, 3, 4], &[], Some(Stage::Cleanup)),
    row(Rebuild, Stage::Cleanup, &[], &[], Some(Stage::EndMigration)),
    row(Rebuild, Stage::EndMigration, &[2, 3, 4], &[], None),
    row(
        Rebuild,
        Stage::CleanupTarget,
        &[2, 3, 4],
        &[(Cleanup, 4)],
        Some(Stage::RevertMigration),
    ),
    row(Rebuild, Stage::RevertMigration, &[2, 3, 4], &[], None),
    row(
        TransitionKind::Purge,
        Stage::Fill,
        &[1, 2, 3],
        &[(Fill, 1), (Fill, 2), (Fill, 3)],
        Some(Stage::Purge),
    ),
    row(
        TransitionKind::Purge,
        Stage::Purge,
        &[1, 2, 3],
        &[(Purge, 1), (Purge, 2), (Purge, 3)],
        Some(Stage::EndPurge),
    ),
    row(TransitionKind::Purge, Stage::EndPurge, &[1, 2, 3], &[], None),
];

#[test]
fn each_stage_runs_its_barrier_then_its_operation_then_goes_on() {
    for row in ROWS {
        let name = format!("{:?} at {}", row.kind, row.stage);
        let mut world = World::at(row.kind, row.stage);
        assert_eq!(world.barriers(), row.barriers, "{name}");
        for (done, node) in row.barriers.iter().enumerate() {
            assert!(world.operations().is_empty(), "{name}: the barrier comes first");
            assert_eq!(world.proposal(), None, "{name}: {done} of the barriers are done");
            world.barrier_done(*node);
        }
        assert_eq!(world.barriers(), [0; 0], "{name}");
        assert_eq!(world.operations(), row.operations, "{name}");
        for (done, (kind, node)) in row.operations.iter().enumerate() {
            assert_eq!(
                world.proposal(),
                None,
                "{name}: {done} of the operations are done"
            );
            world.operation_ended(*kind, *node, Ok(()));
        }
        let (to, back, skipped) = world.proposal().expect("goes on");
        assert_eq!((to, skipped), (row.next, None), "{name}");
        let fell_back = row.stage == Stage::WriteBothReadOldFallback;
        assert_eq!(back, fell_back.then_some(WayBack::FellBack), "{name}");
        world.advance(to).expect(&name);
    }
}

#[test]
fn every_stage_has_a_row() {
    let in_rows: BTreeSet<Stage> = ROWS.iter().map(|row| row.stage).collect();
    assert_eq!(in_rows, Stage::ALL.into());
}

#[test]
fn what_runs_or_is_not_due_is_not_planned_again() {
    let mut world = World::at(Migration, Stage::UseNew);
    let epoch = world.epoch();
    world.progress.barrier_started(TABLET, epoch, n(1));
    world
        .progress
        .barrier_ended(TABLET, epoch, n(2), Err(unreachable(2)), world.now_ms);
    assert_eq!(world.barriers(), [3, 4]);
    let due_ms = world.progress.next_due_ms(world.now_ms).expect("a retry");
    assert_eq!(due_ms, world.now_ms + 10);
    world.now_ms = due_ms;
    assert_eq!(world.barriers(), [2, 3, 4]);
    let retries: Vec<bool> = world
        .plan()
        .iter()
        .map(|action| matches!(action, Action::Barrier { retry: true, .. }))
        .collect();
    assert_eq!(retries, [true, false, false]);
}

#[test]
fn a_barrier_counts_only_for_the_epoch_it_was_asked_for() {
    let mut world = World::at(Migration, Stage::WriteBothReadNew);
    let asked_at = world.epoch();
    world.barriers_done();
    world.lead_to(Stage::UseNew);
    assert_eq!(
        world.barriers(),
        [1, 2, 3, 4],
        "those of the stage before are worth nothing"
    );
    for node in 1..=4 {
        world
            .progress
            .barrier_ended(TABLET, asked_at, n(node), Ok(()), world.now_ms);
    }
    assert_eq!(world.barriers(), [1, 2, 3, 4], "late answers neither");
}

#[test]
fn an_operation_counts_only_for_the_session_it_was_asked_for() {
    let mut world = World::at(Migration, Stage::Streaming);
    let (old, _) = world.transition().session.expect("a session");
    world.cancel();
    world.barriers_done();
    world
        .progress
        .operation_ended(TABLET, old, Cleanup, n(4), Ok(()), world.now_ms);
    assert_eq!(world.operations(), [(Cleanup, 4)]);
    world.operation_ended(Stream, 4, Ok(()));
    assert_eq!(world.operations(), [(Cleanup, 4)], "nor for another operation");
}

#[test]
fn one_epoch_per_attempt_an_answer_of_a_transition_that_went_back_is_not_counted_in_the_next() {
    let mut world = World::at(Migration, Stage::AllowWriteBothReadOld);
    let first = world.epoch();
    world.cancel();
    world.lead_to(Stage::RevertMigration);
    world.advance(None).expect("it ends");
    let mut world = world.begin(Migration);
    assert_ne!(world.epoch(), first);
    for node in 1..=4 {
        world
            .progress
            .barrier_ended(TABLET, first, n(node), Ok(()), world.now_ms);
    }
    assert_eq!(world.barriers(), [1, 2, 3, 4]);
}

#[test]
fn nothing_is_carried_into_the_next_transition_also_where_the_end_of_the_first_was_not_seen() {
    let mut world = World::at(Migration, Stage::Streaming);
    world.operation_ended(Stream, 4, Err(failed()));
    world.operation_ended(Stream, 4, Ok(()));
    let seen = world.progress.clone();
    world.cancel();
    world.lead_to(Stage::RevertMigration);
    world.advance(None).expect("it ends");
    let mut world = world.begin(Migration);
    world.lead_to(Stage::Streaming);
    world.progress = seen;
    assert_eq!(
        world.operations(),
        [(Stream, 4)],
        "not even before it is observed"
    );
    world
        .progress
        .observe(&world.metadata, &Touched::All, world.now_ms);
    assert_eq!(world.operations(), [(Stream, 4)]);
    let known = world.progress.tablet(TABLET).expect("in transition");
    assert_eq!((known.failures(), known.last_error()), (0, None));
}

#[test]
fn another_session_is_another_ask() {
    let mut world = World::at(Migration, Stage::Streaming);
    world.operation_ended(Stream, 4, Ok(()));
    let other = (TABLET.session_at(Epoch::new(77)), Epoch::new(77));
    world.edit(|transition| transition.session = Some(other));
    assert_eq!(world.operations(), [(Stream, 4)]);
}

#[test]
fn fewer_sources_change_the_epoch_and_with_it_the_barrier_but_not_the_stream() {
    let mut world = World::at(Rebuild, Stage::WriteBothReadOld);
    world.barriers_done();
    let expected = world.epoch();
    world
        .apply(&Change::AllowFewerSources {
            tablet: TABLET,
            expected,
        })
        .expect("a rebuild");
    assert_eq!(world.barriers(), [2, 3, 4]);

    let mut world = World::at(Rebuild, Stage::Streaming);
    world.operation_ended(Stream, 4, Ok(()));
    let expected = world.epoch();
    world
        .apply(&Change::AllowFewerSources {
            tablet: TABLET,
            expected,
        })
        .expect("a rebuild");
    assert_eq!(world.operations(), [], "the session is the same");
    assert!(world.proposal().is_some());
}
