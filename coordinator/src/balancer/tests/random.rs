//! Random clusters: planning ends, keeps the limits, and makes nothing worse.

use proptest::prelude::*;

use super::*;

/// What makes a cluster.
#[derive(Debug, Clone)]
struct Seeds {
    nodes: u64,
    racks: Vec<u8>,
    tablets: Vec<(Vec<u64>, u64)>,
    excluded: Option<u64>,
    draining: Vec<u64>,
    sends: u32,
    receives: u32,
    dice: Vec<u8>,
}

fn seeds() -> impl Strategy<Value = Seeds> {
    let sizes = prop_oneof![Just(0), 0..40_u64, 0..4000_u64];
    let tablet = (prop::collection::vec(0..64_u64, 1..=3), sizes);
    (
        3..9_u64,
        prop::collection::vec(0..5_u8, 8),
        prop::collection::vec(tablet, 1..40),
        prop::option::weighted(0.3, 1..9_u64),
        prop::collection::vec(1..9_u64, 0..3),
        (1..4_u32, 1..4_u32),
        prop::collection::vec(any::<u8>(), 64),
    )
        .prop_map(
            |(nodes, racks, tablets, excluded, draining, (sends, receives), dice)| Seeds {
                nodes,
                racks,
                tablets,
                excluded,
                draining,
                sends,
                receives,
                dice,
            },
        )
}

impl Seeds {
    fn world(&self) -> World {
        let set = |numbers: &[u64]| {
            let set: BTreeSet<u64> = numbers.iter().map(|number| number % self.nodes + 1).collect();
            set.into_iter().collect::<Vec<u64>>()
        };
        let sets: Vec<Vec<u64>> = self.tablets.iter().map(|(numbers, _)| set(numbers)).collect();
        let sets: Vec<&[u64]> = sets.iter().map(Vec::as_slice).collect();
        let mut world = World::new(self.nodes, &sets);
        world.load = Load::new();
        for (tablet, (_, mib)) in self.tablets.iter().enumerate() {
            // Of some nothing is reported.
            if mib % 11 != 10 {
                world.weigh(t(tablet as u64), *mib);
            }
        }
        for node in 1..=self.nodes {
            let rack = self.racks[node as usize - 1];
            if rack > 0 {
                world.racks(&[(node, &rack.to_string())]);
            }
        }
        world.permits(self.sends, self.receives);
        for node in self.draining.iter().filter(|node| **node <= self.nodes) {
            world.drain(*node);
        }
        if let Some(node) = self.excluded.filter(|node| *node <= self.nodes) {
            world.exclude(node);
        }
        world
    }
}

/// In how many racks the replicas stand that do not have to go.
fn racks_of(world: &World, replicas: &BTreeSet<NodeId>) -> usize {
    let rack = |node: &NodeId| {
        let info = &world.metadata.nodes[node];
        let stays = !info.excluded && !info.draining;
        stays.then(|| info.rack.clone().unwrap_or_else(|| format!("node {node}")))
    };
    replicas
        .iter()
        .filter_map(rack)
        .collect::<BTreeSet<String>>()
        .len()
}

/// How many streams each node sends and receives, by the metadata alone.
fn streams(world: &World) -> (BTreeMap<NodeId, u32>, BTreeMap<NodeId, u32>) {
    let (mut sends, mut receives) = (BTreeMap::new(), BTreeMap::new());
    for tablet in world.metadata.tablets.values() {
        let Some(transition) = tablet.transition.as_ref().filter(|now| now.stage.cancellable()) else {
            continue;
        };
        for source in world.metadata.sources(transition) {
            *sends.entry(source).or_default() += 1;
        }
        *receives.entry(transition.pending().expect("a move")).or_default() += 1;
    }
    (sends, receives)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 128 } else { 1024 }))]

    #[test]
    fn planning_ends_keeps_the_limits_and_makes_no_rack_worse(seeds in seeds()) {
        let mut world = seeds.world();
        let mut dice = seeds.dice.iter().cycle();
        let mut visited = BTreeSet::new();
        let mut rounds = 0;
        loop {
            rounds += 1;
            prop_assert!(rounds < 5000, "it never ends");
            let plan = world.plan();
            prop_assert_eq!(&plan, &world.plan(), "the same again");
            let running = world.running();
            if plan.moves.is_empty() && running.is_empty() {
                break;
            }
            for planned in &plan.moves {
                let before = world.metadata.tablets[&planned.tablet].replicas.clone();
                let after = before.iter().copied().filter(|node| *node != planned.from).chain([planned.to]).collect();
                let (before, after) = (racks_of(&world, &before), racks_of(&world, &after));
                prop_assert!(after >= before, "{planned}");
                let info = &world.metadata.nodes[&planned.to];
                prop_assert!(!info.excluded && !info.draining, "{planned}");
                world.change(planned.change());
            }
            let (sends, receives) = streams(&world);
            prop_assert!(sends.values().all(|number| *number <= seeds.sends), "{sends:?}");
            prop_assert!(receives.values().all(|number| *number <= seeds.receives), "{receives:?}");
            // Some end, in any order, before the next round.
            for tablet in world.running() {
                if plan.moves.is_empty() || dice.next().is_some_and(|dice| dice % 3 == 0) {
                    world.finish(tablet);
                }
            }
            let sets: Vec<_> = world.metadata.tablets.values().map(|tablet| tablet.replicas.clone()).collect();
            if world.running().is_empty() {
                let moved = running.len() + plan.moves.len();
                prop_assert!(visited.insert(sets) || moved == 0, "it was there before");
            }
        }
        settled(&world)?;
    }
}

/// What holds when nothing is planned any more.
fn settled(world: &World) -> Result<(), TestCaseError> {
    let stays = |node: &NodeId| !world.metadata.nodes[node].excluded && !world.metadata.nodes[node].draining;
    let staying: Vec<NodeId> = world.metadata.nodes.keys().copied().filter(stays).collect();
    let plan = world.plan();
    for (id, tablet) in world.metadata.tablets.iter() {
        if tablet.replicas.iter().all(stays) {
            let racks = racks_of(world, &tablet.replicas);
            let free = staying.iter().filter(|node| !tablet.replicas.contains(*node));
            let better = free.filter(|node| {
                let more = tablet.replicas.iter().copied().chain([**node]).collect();
                racks_of(world, &more) > racks
            });
            let can = racks < tablet.replicas.len() && better.count() > 0;
            prop_assert!(
                !can,
                "tablet {id} shares a rack for no need: {:?}",
                tablet.replicas
            );
            continue;
        }
        let told = plan.waiting.iter().find(|waiting| waiting.tablet == *id);
        let why = told.map(|waiting| waiting.why);
        let hopeless = matches!(why, Some(WhyWait::NoNode | WhyWait::FewSources { .. }));
        prop_assert!(hopeless, "tablet {id} stays where it has to leave: {why:?}");
    }
    Ok(())
}
