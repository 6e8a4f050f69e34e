//! Rebuilds and drains.

use super::*;

#[test]
fn what_an_excluded_node_held_is_made_anew_on_the_lightest_nodes() {
    let mut world = World::new(6, &[&[1, 2, 3], &[1, 2, 3], &[4, 5, 6]]);
    world.exclude(1);
    let reason = Reason::Rebuild;
    let expected = [(0, 1, 4, reason), (1, 1, 5, reason)];
    assert_eq!(world.moves(), expected, "and nothing else");
    assert_eq!(world.plan().moves[0].why, WhyMove::Excluded { shares: None });
    world.settle();
    assert!(!world.held().contains_key(&1), "{:?}", world.held());
}

#[test]
fn a_draining_node_is_emptied_and_gets_nothing() {
    let mut world = World::new(4, &[&[1, 2], &[1, 3], &[2, 3]]);
    world.drain(1);
    assert!(
        world
            .moves()
            .iter()
            .all(|(_, from, to, reason)| { (*from, *reason) == (1, Reason::Drain) && *to != 1 })
    );
    world.settle();
    assert!(!world.held().contains_key(&1), "{:?}", world.held());
    world.change(Change::Resume { node: n(1) });
    assert!(
        world.moves().iter().any(|(_, _, to, _)| *to == 1),
        "it takes part again"
    );
}

#[test]
fn an_urgent_move_comes_first_whatever_its_number() {
    let mut world = World::new(5, &[&[1], &[1], &[1], &[2, 3, 4]]);
    world.drain(1);
    world.exclude(2);
    let reasons: Vec<Reason> = world.moves().iter().map(|planned| planned.3).collect();
    assert_eq!(reasons[..2], [Reason::Rebuild, Reason::Drain]);
    assert!(reasons.is_sorted());
}

#[test]
fn a_replica_goes_to_a_rack_that_has_none_if_there_is_one() {
    // 4 and 5 are idler than 6, and in racks that hold a replica.
    let mut world = World::new(6, &[&[1, 2, 3], &[6], &[6]]);
    world.racks(&[(1, "a"), (2, "b"), (3, "c"), (4, "a"), (5, "b"), (6, "c")]);
    world.drain(3);
    assert_eq!(world.moves()[0], (0, 3, 6, Reason::Drain));
    world.exclude(6);
    let planned = world
        .plan()
        .moves
        .into_iter()
        .find(|planned| planned.tablet == t(0));
    let planned = planned.expect("a worse node is better than none");
    assert_eq!((planned.from, planned.to), (n(3), n(4)));
    let shares = Some("a".to_owned());
    assert_eq!(planned.why, WhyMove::Draining { shares });
    assert_eq!(
        planned.to_string(),
        "tablet 0 from node 3 to node 4 (drain): the node drains; rack a will hold two replicas, no other has room"
    );
}

#[test]
fn a_drain_waits_for_a_rack_that_only_rests_and_a_rebuild_does_not() {
    let mut world = World::new(5, &[&[1, 2, 3]]);
    world.racks(&[(1, "a"), (2, "b"), (3, "c"), (4, "a"), (5, "c")]);
    world.resting.insert((t(0), n(5)));
    let mut drains = world.clone();
    drains.drain(3);
    let plan = drains.plan();
    assert_eq!((plan.moves.len(), plan.waiting_total), (0, 1), "{plan:?}");
    assert_eq!(plan.waiting[0].why, WhyWait::Resting);
    drains.resting.clear();
    assert_eq!(drains.moves(), [(0, 3, 5, Reason::Drain)]);
    world.exclude(3);
    assert_eq!(world.moves(), [(0, 3, 4, Reason::Rebuild)]);
}

#[test]
fn the_rack_of_a_replica_that_goes_too_is_free() {
    let mut world = World::new(5, &[&[1, 2, 3]]);
    world.racks(&[(1, "a"), (2, "b"), (3, "c"), (4, "b"), (5, "c")]);
    world.drain(2);
    world.drain(3);
    assert_eq!(world.moves(), [(0, 2, 4, Reason::Drain)], "one at a time");
    world.settle();
    assert_eq!(world.replicas(0), [1, 4, 5]);
}

#[test]
fn what_cannot_go_is_told_with_what_it_waits_for() {
    let mut world = World::new(3, &[&[1, 2, 3]]);
    world.drain(1);
    let plan = world.plan();
    assert_eq!((plan.moves.len(), plan.waiting_total), (0, 1));
    assert_eq!(plan.waiting[0].why, WhyWait::NoNode);
    assert!(
        plan.waiting[0].to_string().contains("add a node"),
        "{}",
        plan.waiting[0]
    );

    world.change(Change::AddNode { node: n(4) });
    world.resting.insert((t(0), n(4)));
    assert_eq!(world.plan().waiting[0].why, WhyWait::Resting);
    world.resting.clear();
    assert_eq!(world.moves(), [(0, 1, 4, Reason::Drain)]);

    world.exclude(2);
    world.exclude(3);
    let few = WhyWait::FewSources { live: 1, needed: 2 };
    let plan = world.plan();
    assert_eq!((plan.moves.len(), plan.waiting[0].why), (0, few));
}

#[test]
fn a_rebuild_needs_a_source_of_every_quorum() {
    for (replicas, excluded, begins) in [
        (&[1_u64, 2, 3][..], &[1_u64][..], true),
        (&[1, 2, 3], &[1, 2], false),
        (&[1, 2, 3, 4, 5], &[1, 2], true),
        (&[1, 2, 3, 4, 5], &[1, 2, 3], false),
        (&[1], &[1], false),
        (&[1, 2], &[1], true),
    ] {
        let mut world = World::new(7, &[replicas]);
        for node in excluded {
            world.exclude(*node);
        }
        let plan = world.plan();
        assert_eq!(
            !plan.moves.is_empty(),
            begins,
            "{replicas:?} without {excluded:?}: {plan:?}"
        );
        let by_metadata = plan.moves.first().map(|planned| {
            let mut world = world.clone();
            world.change(planned.change());
            let tablet = &world.metadata.tablets[&t(0)];
            world
                .metadata
                .has_sources(tablet.transition.as_ref().expect("begun"))
        });
        assert_eq!(by_metadata.unwrap_or(false), begins);
    }
}

#[test]
fn nothing_is_planned_while_balancing_is_off() {
    let mut world = World::new(4, &[&[1, 2, 3], &[1, 2, 3], &[1, 2, 3]]);
    world.exclude(1);
    world.drain(2);
    assert!(!world.moves().is_empty());
    world.change(Change::SetBalancing { on: false });
    assert_eq!(world.plan(), BalancePlan::default());
}
