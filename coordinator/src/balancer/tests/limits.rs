//! Permits, the cluster's bound, and what runs already.

use super::*;
use tidegate_tablets::{Stage, TransitionKind};

fn by<K: Ord>(plan: &BalancePlan, key: impl Fn(&PlannedMove) -> K) -> BTreeMap<K, usize> {
    let mut numbers = BTreeMap::new();
    for planned in &plan.moves {
        *numbers.entry(key(planned)).or_default() += 1;
    }
    numbers
}

fn operators(world: &mut World, tablet: u64, from: u64, to: u64) {
    let expected = world.metadata.tablets[&t(tablet)].epoch;
    world.change(Change::Begin {
        tablet: t(tablet),
        expected,
        kind: TransitionKind::Migration,
        leaving: Some(n(from)),
        pending: Some(n(to)),
        purge_floor: 0,
        reason: Reason::Operator,
    });
}

#[test]
fn sends_and_receives_have_limits_of_their_own() {
    let mut world = World::new(4, &[&[1][..]; 40]);
    for (sends, receives, moves) in [(1, 5, 1), (30, 2, 6), (5, 5, 5)] {
        world.permits(sends, receives);
        let plan = world.plan();
        assert_eq!(plan.moves.len(), moves, "{sends} sends, {receives} receives");
        assert!(
            by(&plan, |planned| planned.from)
                .values()
                .all(|number| *number <= sends as usize)
        );
        assert!(
            by(&plan, |planned| planned.to)
                .values()
                .all(|number| *number <= receives as usize)
        );
    }
}

#[test]
fn without_a_number_in_the_metadata_the_configured_one_counts() {
    let world = World::new(4, &[&[1][..]; 40]);
    assert_eq!(world.plan().moves.len(), 4);
}

#[test]
fn what_runs_counts_until_its_stream_is_done_also_an_operators() {
    let mut world = World::new(3, &[&[1][..]; 12]);
    world.permits(2, 2);
    operators(&mut world, 11, 1, 2);
    let plan = world.plan();
    assert_eq!(plan.moves.len(), 1, "one send is taken");
    world.begin(&plan);
    assert_eq!(world.moves(), [], "all are");
    for to in [Stage::WriteBothReadOld, Stage::Streaming, Stage::WriteBothReadNew] {
        assert_eq!(world.moves(), [], "before {to}");
        world.step(t(11), Some(to));
    }
    assert_eq!(world.moves().len(), 1);
}

#[test]
fn a_purge_takes_no_permit_and_its_tablet_does_not_move() {
    let mut world = World::new(2, &[&[1][..]; 3]);
    let purge = |tablet| Change::Begin {
        tablet: t(tablet),
        expected: tidegate_tablets::Epoch::new(1),
        kind: TransitionKind::Purge,
        leaving: None,
        pending: None,
        purge_floor: 7,
        reason: Reason::Operator,
    };
    world.permits(1, 1);
    world.change(purge(0));
    assert_eq!(world.moves(), [(1, 1, 2, Reason::Balance)]);
    world.change(purge(1));
    world.change(purge(2));
    assert_eq!(world.moves(), []);
}

#[test]
fn the_cluster_has_a_bound_for_what_the_balancer_runs() {
    let mut world = World::new(
        8,
        &[
            &[1],
            &[2],
            &[3],
            &[4],
            &[1],
            &[2],
            &[3],
            &[4],
            &[1],
            &[2],
            &[3],
            &[4],
        ],
    );
    world.rules.moves_max = 3;
    let plan = world.plan();
    assert_eq!(plan.moves.len(), 3);
    world.begin(&plan);
    assert_eq!(world.moves(), []);
    let first = world.running()[0];
    world.finish(first);
    assert!(world.moves().len() <= 1, "one ended, one more may begin");
}

#[test]
fn a_rebuild_that_waits_keeps_the_permits_it_needs_from_what_is_less_urgent() {
    // The rebuild of tablet 0 needs 2 and 3; a move of an operator has 2's only send.
    let mut world = World::new(6, &[&[1, 2, 3], &[2], &[3], &[3], &[3], &[3]]);
    world.permits(1, 9);
    operators(&mut world, 1, 2, 6);
    world.exclude(1);
    let plan = world.plan();
    assert_eq!(plan.moves, [], "3 is kept for the rebuild");
    assert_eq!((plan.waiting_total, plan.waiting[0].why), (1, WhyWait::Permits));
    world.finish(t(1));
    assert_eq!(world.moves()[0].3, Reason::Rebuild);
}

#[test]
fn what_waits_is_told_up_to_a_bound_and_counted() {
    let mut world = World::new(2, &[&[1][..]; 100]);
    world.drain(1);
    let plan = world.plan();
    assert_eq!(
        (plan.moves.len(), plan.waiting.len(), plan.waiting_total),
        (4, 64, 96)
    );
}

#[test]
fn what_runs_counts_as_done() {
    let mut world = World::new(2, &[&[1][..]; 4]);
    operators(&mut world, 0, 1, 2);
    operators(&mut world, 1, 1, 2);
    assert_eq!(world.moves(), [], "two and two, once they have ended");
    // Going back, they are where they were.
    for tablet in [t(0), t(1)] {
        world.step(tablet, Some(Stage::CleanupTarget));
    }
    assert_eq!(world.moves().len(), 2);
}
