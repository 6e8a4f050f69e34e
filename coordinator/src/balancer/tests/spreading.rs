//! Moves for balance: racks and weights.

use super::*;

#[test]
fn tablets_spread_by_number_where_nothing_is_known_of_them() {
    let mut world = World::new(4, &[&[1][..]; 8]);
    assert_eq!(
        world.plan_with(None).moves,
        [],
        "without a report nothing moves for its weight"
    );
    world.load = Load::new();
    world.settle();
    let numbers: Vec<usize> = world.held().values().map(|held| held.0).collect();
    assert_eq!(numbers, [2, 2, 2, 2]);
}

#[test]
fn bytes_and_numbers_spread_together() {
    let sizes = [900, 10, 10, 10, 10, 10, 10, 300, 300, 300];
    let mut world = World::new(3, &[&[1][..]; 10]);
    for (tablet, mib) in sizes.iter().enumerate() {
        world.load.report(
            t(tablet as u64),
            TabletLoad {
                bytes: mib * MIB,
                rows: 0,
            },
        );
    }
    world.settle();
    let held = world.held();
    let bytes: Vec<u64> = held.values().map(|held| held.1).collect();
    assert!(
        bytes.iter().max() < Some(&1000),
        "the big one stays nearly alone: {held:?}"
    );
    assert!(
        held.values().all(|held| held.0 >= 2),
        "but the rest is not on one node: {held:?}"
    );
}

#[test]
fn rows_weigh_too() {
    let mut world = World::new(2, &[&[1][..]; 2]);
    world.change(Change::CreateTable {
        name: "rows".to_owned(),
        replicas: vec![[n(2)].into(), [n(2)].into()],
    });
    for tablet in 0..4 {
        let rows = if tablet < 2 { 100_000_000 } else { 0 };
        world.load.report(
            t(tablet),
            TabletLoad {
                bytes: 64 * MIB,
                rows,
            },
        );
    }
    world.settle();
    for node in [1, 2] {
        let many = (0..2)
            .filter(|tablet| world.replicas(*tablet).contains(&node))
            .count();
        assert_eq!(
            (many, world.held()[&node].0),
            (1, 2),
            "one of many rows and one of none: {world:?}"
        );
    }
}

#[test]
fn a_new_node_gets_its_share_and_no_more_moves_than_that() {
    let mut world = World::new(4, &[&[1, 2, 3][..]; 12]);
    assert_eq!(world.settle(), 9, "36 replicas, nine for each");
    assert!(
        world.held().values().all(|held| held.0 == 9),
        "{:?}",
        world.held()
    );
}

#[test]
fn within_the_threshold_nothing_moves() {
    // The mean is a hundred; a difference of five replicas' weights and one replica is left alone.
    for (more, moves) in [(5, false), (6, false), (7, true), (20, true)] {
        let sets: Vec<&[u64]> = std::iter::repeat_n(&[1_u64][..], 100 + more)
            .chain(std::iter::repeat_n(&[2_u64][..], 100))
            .collect();
        let world = World::new(2, &sets);
        assert_eq!(!world.plan().moves.is_empty(), moves, "{more} more");
    }
}

#[test]
fn a_load_that_trembles_moves_nothing_to_and_fro() {
    let sets: Vec<&[u64]> = [&[1_u64][..], &[2], &[3]].repeat(100);
    let mut world = World::new(3, &sets);
    for node in (1..=3).cycle().take(9) {
        // Three hundredths more on one node, then on another: more than a tablet weighs.
        let load = |(id, tablet): (&TabletId, &tidegate_tablets::Tablet)| {
            let percent = if tablet.replicas.contains(&n(node)) {
                103
            } else {
                100
            };
            let bytes = 64 * MIB * percent / 100;
            (*id, TabletLoad { bytes, rows: 0 })
        };
        world.load = world.metadata.tablets.iter().map(load).collect();
        assert_eq!(world.moves(), [], "node {node}");
    }
}

#[test]
fn two_replicas_in_one_rack_are_moved_apart() {
    let mut world = World::new(4, &[&[1, 2]]);
    world.racks(&[(1, "a"), (2, "a"), (3, "a"), (4, "b")]);
    let plan = world.plan();
    let why = WhyMove::SharedRack { rack: "a".to_owned() };
    assert_eq!(
        (plan.moves.len(), &plan.moves[0].why, plan.moves[0].to),
        (1, &why, n(4))
    );
    world.settle();
    assert!(world.replicas(0).contains(&4));
}

#[test]
fn balance_never_puts_two_replicas_into_one_rack() {
    // Rack a has one node: it stays the heaviest.
    let mut world = World::new(5, &[&[1, 2, 4][..]; 12]);
    world.racks(&[(1, "a"), (2, "b"), (3, "b"), (4, "c"), (5, "c")]);
    world.settle();
    for tablet in 0..12 {
        let replicas = world.replicas(tablet);
        assert!(replicas.contains(&1), "{replicas:?}");
        assert_eq!(replicas.iter().filter(|node| [2, 3].contains(*node)).count(), 1);
    }
    let held: Vec<usize> = world.held().values().map(|held| held.0).collect();
    assert_eq!(held, [12, 6, 6, 6, 6]);
}

#[test]
fn the_reason_is_one_that_people_can_read() {
    let world = World::new(2, &[&[1][..]; 3]);
    let planned = world.plan().moves[0].to_string();
    let expected = "tablet 0 from node 1 to node 2 (balance): it holds 3 tablets with 192.0 MiB, the other 0 tablets \
                    with 0 B";
    assert_eq!(planned, expected);
    let load = |bytes| NodeLoad { tablets: 1, bytes }.to_string();
    assert_eq!(load(1023), "1 tablet with 1023 B");
    assert_eq!(load(1536), "1 tablet with 1.5 KiB");
    assert_eq!(load(u128::from(u64::MAX)), "1 tablet with 15.9 EiB");
}
