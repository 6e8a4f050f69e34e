//! Broken runs that it catches, and good ones that it passes.

use tidegate_tablets::{Change, Stage, Tablet, Transition, TransitionKind};

use super::Stages;
use crate::invariants::testing::{Seen, TABLE, TABLET, World, caught};

fn at(kind: TransitionKind, stage: Stage) -> World {
    let mut world = World::new(Stages::default());
    if kind == TransitionKind::Rebuild {
        world.exclude(1).unwrap();
    }
    world.begin(kind).unwrap();
    world.lead_to(stage);
    world
}

/// A step that no change could make.
fn step(world: &mut World, edit: impl FnOnce(&mut Transition)) -> Seen {
    world.edit(|tablet| {
        tablet.epoch = tablet.epoch.next();
        edit(tablet.transition.as_mut().unwrap());
    })
}

fn epochs_later(tablet: &mut Tablet, epochs: usize) {
    (0..epochs).for_each(|_| tablet.epoch = tablet.epoch.next());
}

#[test]
fn all_that_the_product_decides_passes() {
    for (kind, last) in [
        (TransitionKind::Migration, Stage::EndMigration),
        (TransitionKind::Rebuild, Stage::EndMigration),
        (TransitionKind::Purge, Stage::EndPurge),
    ] {
        let mut world = at(kind, last);
        world.advance(None).unwrap();
        world.change(&Change::DropTable { table: TABLE }).unwrap();
    }
    let mut world = at(TransitionKind::Migration, Stage::Streaming);
    world.cancel().unwrap();
    world.lead_to(Stage::RevertMigration);
    world.advance(None).unwrap();
    let mut world = at(TransitionKind::Migration, Stage::WriteBothReadNew);
    world.exclude(4).unwrap();
    world.advance(Some(Stage::WriteBothReadOldFallback)).unwrap();
    world.lead_to(Stage::RevertMigration);
    let mut world = at(TransitionKind::Rebuild, Stage::Streaming);
    let expected = world.tablet().epoch;
    world
        .change(&Change::AllowFewerSources {
            tablet: TABLET,
            expected,
        })
        .unwrap();
}

#[test]
fn a_step_off_the_table_is_caught() {
    let mut world = at(TransitionKind::Migration, Stage::Streaming);
    let seen = step(&mut world, |transition| {
        (transition.stage, transition.session) = (Stage::UseNew, None);
    });
    caught(seen, "no edge leads from streaming to use_new");
}

#[test]
fn a_session_kept_on_the_way_back_is_caught() {
    let mut world = at(TransitionKind::Migration, Stage::Streaming);
    caught(
        step(&mut world, |transition| transition.stage = Stage::CleanupTarget),
        "cleanup_target is entered with session",
    );
    let mut world = at(TransitionKind::Migration, Stage::Streaming);
    caught(
        step(&mut world, |transition| {
            transition.stage = Stage::WriteBothReadNew
        }),
        "write_both_read_new is entered with session",
    );
    let mut world = at(TransitionKind::Migration, Stage::WriteBothReadOld);
    caught(
        step(&mut world, |transition| {
            (transition.stage, transition.session) = (Stage::Streaming, None);
        }),
        "streaming is entered with session None",
    );
}

#[test]
fn a_step_of_no_epoch_or_of_two_is_caught() {
    let mut world = at(TransitionKind::Migration, Stage::AllowWriteBothReadOld);
    let seen = world.edit(|tablet| tablet.transition.as_mut().unwrap().fewer_sources = true);
    caught(seen, "not one epoch");
    let mut world = at(TransitionKind::Migration, Stage::AllowWriteBothReadOld);
    caught(world.edit(|tablet| epochs_later(tablet, 2)), "not one epoch");
    let mut world = World::new(Stages::default());
    caught(world.edit(|tablet| epochs_later(tablet, 1)), "without a change");
}

#[test]
fn a_second_transition_in_the_place_of_the_first_is_caught() {
    let mut world = at(TransitionKind::Migration, Stage::Streaming);
    let epoch = world.tablet().epoch.next();
    caught(
        step(&mut world, |transition| transition.begun = epoch),
        "another transition",
    );
}

#[test]
fn an_end_in_the_middle_is_caught() {
    let mut world = at(TransitionKind::Migration, Stage::Cleanup);
    let seen = world.edit(|tablet| {
        epochs_later(tablet, 1);
        tablet.replicas = tablet.transition.take().unwrap().new;
    });
    caught(seen, "ends in cleanup");
    let mut world = at(TransitionKind::Migration, Stage::EndMigration);
    let seen = world.edit(|tablet| {
        epochs_later(tablet, 1);
        tablet.transition = None;
    });
    caught(seen, "not those of the transition");
}

#[test]
fn selectors_that_the_table_does_not_know_are_caught() {
    use crate::invariants::stage_table::row;
    for stage in Stage::ALL {
        assert_eq!(
            (stage.writes(), stage.reads()),
            (row(stage).writes, row(stage).reads)
        );
        // One selector at a time, on every edge of the table.
        for next in [row(stage).next, row(stage).back].into_iter().flatten() {
            let next = row(next);
            assert!(
                next.writes == row(stage).writes || next.reads == row(stage).reads,
                "{stage}"
            );
        }
    }
}

#[test]
fn requests_that_go_elsewhere_than_the_stage_says_are_caught() {
    let mut world = at(TransitionKind::Migration, Stage::WriteBothReadNew);
    let before = world.tablet().clone();
    world.lead_to(Stage::UseNew);
    let seen = super::selectors(&before, world.transition());
    caught(seen, "in use_new writes go to");
}
