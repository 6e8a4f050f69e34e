//! Ways back, exclusions and budgets.

use tidegate_guard::Rejected;

use super::*;
use crate::BarrierError;
use OperationKind::{Cleanup, Fill, Purge, Stream};
use TransitionKind::{Migration, Rebuild};

const EARLY: [Stage; 3] = [
    Stage::AllowWriteBothReadOld,
    Stage::WriteBothReadOld,
    Stage::Streaming,
];
const LATE: [Stage; 4] = [
    Stage::WriteBothReadNew,
    Stage::UseNew,
    Stage::Cleanup,
    Stage::EndMigration,
];

#[test]
fn an_excluded_pending_replica_turns_back_until_the_stream_is_through() {
    for kind in [Migration, Rebuild] {
        for stage in EARLY {
            let mut world = World::at(kind, stage);
            world.exclude(4);
            let why = WayBack::PendingExcluded(n(4));
            assert_eq!(
                world.back(),
                Some((Stage::CleanupTarget, why)),
                "{kind:?} at {stage}"
            );
            assert!(world.barriers().is_empty() && world.operations().is_empty());
        }
    }
}

#[test]
fn an_excluded_leaving_replica_turns_a_migration_back_but_not_once_its_rows_are_there() {
    for stage in EARLY {
        let mut world = World::at(Migration, stage);
        world.exclude(1);
        assert_eq!(
            world.back(),
            Some((Stage::CleanupTarget, WayBack::SourceExcluded(n(1)))),
            "{stage}"
        );
    }
    let mut world = World::at(Migration, Stage::Streaming);
    world.operation_ended(Stream, 4, Ok(()));
    world.exclude(1);
    assert_eq!(
        world.proposal(),
        Some((Some(Stage::WriteBothReadNew), None, None))
    );
}

#[test]
fn an_exclusion_of_some_other_participant_changes_nothing_but_whom_to_ask() {
    for kind in [Migration, Rebuild] {
        for stage in EARLY.into_iter().chain(LATE) {
            let mut world = World::at(kind, stage);
            let before = world.barriers();
            world.exclude(3);
            assert_eq!(world.back(), None, "{kind:?} at {stage}");
            let without: Vec<u64> = before.into_iter().filter(|node| *node != 3).collect();
            assert_eq!(world.barriers(), without, "{kind:?} at {stage}");
        }
    }
}

#[test]
fn from_use_new_on_there_is_only_forward() {
    for excluded in [1, 3, 4] {
        for stage in &LATE[1..] {
            let mut world = World::at(Migration, *stage);
            world.exclude(excluded);
            assert_eq!(world.back(), None, "{excluded} at {stage}");
            world.barriers_done();
            for (kind, node) in world.operations() {
                world.operation_ended(kind, node, Ok(()));
            }
            assert_eq!(
                world.proposal(),
                Some((stage.next(), None, None)),
                "{excluded} at {stage}"
            );
        }
    }
}

#[test]
fn write_both_read_new_falls_back_only_when_more_new_than_old_replicas_are_excluded() {
    for (kind, excluded, falls) in [
        (Migration, &[4][..], true),
        (Migration, &[1], false),
        (Migration, &[1, 4], false),
        (Migration, &[2, 4], true),
        (Migration, &[2], false),
        // The leaving replica of a rebuild is excluded before it begins.
        (Rebuild, &[4], false),
        (Rebuild, &[2, 4], false),
    ] {
        let mut world = World::at(kind, Stage::WriteBothReadNew);
        for node in excluded {
            world.exclude(*node);
        }
        let expected = falls.then_some((Stage::WriteBothReadOldFallback, WayBack::MoreNewExcluded));
        assert_eq!(world.back(), expected, "{kind:?} without {excluded:?}");
    }
}

#[test]
fn a_fallback_ends_by_way_of_cleanup_target_without_asking_the_excluded() {
    let mut world = World::at(Migration, Stage::WriteBothReadOldFallback);
    world.barriers_done();
    world
        .advance(Some(Stage::CleanupTarget))
        .expect("the second step back");
    assert_eq!(world.barriers(), [1, 2, 3]);
    world.barriers_done();
    assert_eq!(
        world.operations(),
        [],
        "a cleanup of an excluded node counts as done"
    );
    assert_eq!(world.proposal(), Some((Some(Stage::RevertMigration), None, None)));
}

#[test]
fn a_spent_budget_turns_back_where_there_is_a_way() {
    for stage in EARLY {
        let mut world = World::at(Migration, stage);
        let tries = if stage == Stage::Streaming { 3 } else { 4 };
        for done in 0..tries {
            assert_eq!(world.back(), None, "{stage}: after {done} tries");
            world.fail_all(&unreachable(4));
        }
        let (to, why) = world.back().expect("the budget is spent");
        assert_eq!(to, Stage::CleanupTarget);
        assert_eq!(
            why,
            WayBack::Spent("node 4 cannot be reached: down".to_owned()),
            "{stage}"
        );
    }
}

#[test]
fn a_spent_budget_without_a_way_back_is_reported_once_and_tried_for_ever() {
    for (kind, stage) in [
        (Migration, Stage::WriteBothReadNew),
        (Migration, Stage::UseNew),
        (Migration, Stage::Cleanup),
        (Migration, Stage::CleanupTarget),
        (Migration, Stage::RevertMigration),
        (TransitionKind::Purge, Stage::Fill),
        (TransitionKind::Purge, Stage::EndPurge),
    ] {
        let mut world = World::at(kind, stage);
        let mut reports = 0;
        for _ in 0..20 {
            reports += world
                .plan()
                .iter()
                .filter(|action| matches!(action, Action::GiveUp { .. }))
                .count();
            let before_ms = world.now_ms;
            world.fail_all(&unreachable(1));
            assert!((10..=80).contains(&(world.now_ms - before_ms)), "{stage}");
        }
        assert_eq!(reports, 1, "{stage}");
        assert_eq!(world.proposal(), None);
        assert!(
            world
                .progress
                .tablet(TABLET)
                .is_some_and(|known| known.has_given_up())
        );
        assert!(
            !world.barriers().is_empty() || !world.operations().is_empty(),
            "{stage}: tried again"
        );
    }
}

#[test]
fn hopeless_turns_back_at_once_and_else_is_reported_at_once() {
    let hopeless = || StepError::from(OperationError::Hopeless("disk full".to_owned()));
    let mut world = World::at(Migration, Stage::Streaming);
    world.operation_ended(Stream, 4, Err(hopeless()));
    assert!(matches!(
        world.back(),
        Some((Stage::CleanupTarget, WayBack::Spent(_)))
    ));

    let mut world = World::at(Migration, Stage::Cleanup);
    world.operation_ended(Cleanup, 1, Err(hopeless()));
    assert!(matches!(&world.plan()[..], [Action::GiveUp { error, .. }] if error.contains("disk full")));
    world.now_ms += 80;
    assert_eq!(world.operations(), [(Cleanup, 1)], "slowly, and for ever");
    world.operation_ended(Cleanup, 1, Ok(()));
    assert_eq!(world.proposal(), Some((Some(Stage::EndMigration), None, None)));
}

#[test]
fn still_running_is_no_retry() {
    let mut world = World::at(Migration, Stage::Streaming);
    for _ in 0..100 {
        world.fail_all(&OperationError::Running.into());
    }
    assert_eq!(world.back(), None);
    assert_eq!(world.operations(), [(Stream, 4)]);
    assert_eq!(
        world.progress.tablet(TABLET).map(|known| known.failures()),
        Some(0)
    );
}

#[test]
fn being_behind_is_forgiven_a_bounded_number_of_times() {
    for error in [
        OperationError::Mismatch("another session"),
        OperationError::Rejected(Rejected::Closing),
        OperationError::Rejected(Rejected::Closed),
    ] {
        let mut world = World::at(Migration, Stage::Streaming);
        for done in 0..5 {
            assert_eq!(world.back(), None, "{error}: after {done}");
            world.fail_all(&error.clone().into());
        }
        assert!(world.back().is_some(), "2 are forgiven, 3 are the budget");
    }
    let mut world = World::at(Migration, Stage::WriteBothReadOld);
    let superseded = BarrierError::Superseded {
        actual: Epoch::new(99),
    };
    for _ in 0..6 {
        assert_eq!(world.back(), None);
        world.fail_all(&superseded.clone().into());
    }
    assert!(world.back().is_some(), "2 are forgiven, 4 are the budget");
}

#[test]
fn a_node_that_is_behind_counts() {
    let not_yet = OperationError::Rejected(Rejected::NotYetOpen { applied: 1 });
    for error in [
        not_yet,
        OperationError::NotReady,
        OperationError::Failed(String::new()),
    ] {
        let mut world = World::at(Migration, Stage::Streaming);
        for _ in 0..3 {
            assert_eq!(world.back(), None, "{error}");
            world.fail_all(&error.clone().into());
        }
        assert!(world.back().is_some(), "{error}");
    }
}

#[test]
fn retries_inside_a_stage_reuse_the_session() {
    let mut world = World::at(Migration, Stage::Streaming);
    let session = world.transition().session;
    world.fail_all(&failed());
    world.fail_all(&failed());
    assert_eq!(world.operations(), [(Stream, 4)], "which checks the session");
    assert_eq!(world.transition().session, session);
}

#[test]
fn a_rebuild_with_too_few_sources_waits_for_an_operators_word() {
    let mut world = World::at(Rebuild, Stage::Streaming);
    assert_eq!(
        world.operations(),
        [(Stream, 4)],
        "2 of 3 replicas: one is in every write quorum"
    );
    world.exclude(2);
    assert_eq!(world.plan(), []);
    let decision = explain(&world.metadata, &world.progress, TABLET);
    assert_eq!(decision, Some(Decision::WaitForSources { live: 1, needed: 2 }));
    let expected = world.epoch();
    world
        .apply(&Change::AllowFewerSources {
            tablet: TABLET,
            expected,
        })
        .expect("a rebuild");
    assert_eq!(world.operations(), [(Stream, 4)]);

    let mut world = World::at(Rebuild, Stage::Streaming);
    world.operation_ended(Stream, 4, Ok(()));
    world.exclude(2);
    assert!(world.proposal().is_some(), "what is carried over needs no source");
}

#[test]
fn a_cancel_cleans_the_pending_replica_and_keeps_the_old_ones() {
    for stage in EARLY {
        let mut world = World::at(Migration, stage);
        world.cancel();
        world.barriers_done();
        assert_eq!(world.operations(), [(Cleanup, 4)], "{stage}");
        world.operation_ended(Cleanup, 4, Ok(()));
        assert_eq!(world.proposal(), Some((Some(Stage::RevertMigration), None, None)));
    }
}

#[test]
fn a_purge_goes_on_without_an_excluded_replica() {
    for (stage, kind) in [(Stage::Fill, Fill), (Stage::Purge, Purge)] {
        let mut world = World::at(TransitionKind::Purge, stage);
        world.barrier_done(1);
        world.exclude(3);
        assert_eq!(world.barriers(), [2]);
        world.barrier_done(2);
        assert_eq!(world.operations(), [(kind, 1), (kind, 2)]);
        world.operation_ended(kind, 1, Ok(()));
        world.exclude(2);
        assert_eq!(world.proposal(), Some((stage.next(), None, None)));
        assert_eq!(
            explain(&world.metadata, &world.progress, TABLET),
            Some(Decision::Advance {
                to: stage.next(),
                skipped: None,
                back: None
            })
        );
    }
}

#[test]
fn what_an_excluded_node_had_failed_is_not_held_against_the_transition() {
    let mut world = World::at(Migration, Stage::WriteBothReadOld);
    let epoch = world.epoch();
    for node in [1, 2, 4] {
        world.barrier_done(node);
    }
    for _ in 0..3 {
        world
            .progress
            .barrier_ended(TABLET, epoch, n(3), Err(unreachable(3)), world.now_ms);
    }
    world.exclude(3);
    world
        .progress
        .barrier_ended(TABLET, epoch, n(3), Err(unreachable(3)), world.now_ms);
    assert_eq!(world.proposal(), Some((Some(Stage::Streaming), None, None)));
    assert!(
        !world
            .plan()
            .iter()
            .any(|action| matches!(action, Action::GiveUp { .. }))
    );
}

#[test]
fn what_a_stage_waits_for_can_be_asked() {
    let mut world = World::at(Migration, Stage::CleanupTarget);
    for node in [1, 2, 3] {
        world.barrier_done(node);
    }
    let needs = |world: &World| match explain(&world.metadata, &world.progress, TABLET) {
        Some(Decision::Work { needs, .. }) => needs,
        other => panic!("{other:?}"),
    };
    assert_eq!(needs(&world), [Need::Barrier { node: n(4) }]);
    world.barrier_done(4);
    assert_eq!(
        needs(&world),
        [Need::Operation {
            kind: Cleanup,
            node: n(4)
        }]
    );
}
