//! What is planned.

mod leaving;
mod limits;
mod random;
mod spreading;

use std::collections::{BTreeMap, BTreeSet};

use tidegate_tablets::{Change, Metadata, NodeId, StreamPermits, TabletId, Version};

use super::*;

const MIB: u64 = 1 << 20;

const fn n(node: u64) -> NodeId {
    NodeId::new(node)
}

const fn t(tablet: u64) -> TabletId {
    TabletId::new(tablet)
}

/// A cluster with balancing on, and what is reported of its tablets.
#[derive(Debug, Clone)]
struct World {
    metadata: Metadata,
    load: Load,
    resting: BTreeSet<(TabletId, NodeId)>,
    rules: BalanceRules,
}

impl World {
    /// Nodes 1 to `nodes`, and a tablet for each replica set, of 64 MiB.
    fn new(nodes: u64, replicas: &[&[u64]]) -> Self {
        let mut world = Self {
            metadata: Metadata::default(),
            load: Load::new(),
            resting: BTreeSet::new(),
            rules: BalanceRules::default(),
        };
        world.change(Change::SetBalancing { on: true });
        for node in 1..=nodes {
            world.change(Change::AddNode { node: n(node) });
        }
        let replicas = replicas.iter().map(|set| set.iter().copied().map(n).collect());
        world.change(Change::CreateTable {
            name: "t".to_owned(),
            replicas: replicas.collect(),
        });
        let tablets: Vec<TabletId> = world.metadata.tablets.keys().copied().collect();
        for tablet in tablets {
            world.weigh(tablet, 64);
        }
        world
    }

    #[track_caller]
    fn change(&mut self, change: Change) {
        let version = Version::new(self.metadata.version.as_u64() + 1);
        let applied = self.metadata.apply(version, &change);
        assert!(applied.outcome.is_ok(), "{change:?}: {:?}", applied.outcome);
    }

    fn weigh(&mut self, tablet: TabletId, mib: u64) {
        self.load.report(
            tablet,
            TabletLoad {
                bytes: mib * MIB,
                rows: 0,
            },
        );
    }

    fn racks(&mut self, racks: &[(u64, &str)]) {
        for (node, rack) in racks {
            self.change(Change::SetRack {
                node: n(*node),
                rack: Some((*rack).to_owned()),
            });
        }
    }

    fn exclude(&mut self, node: u64) {
        self.change(Change::Exclude {
            node: n(node),
            give_up_quorum: true,
        });
    }

    fn drain(&mut self, node: u64) {
        self.change(Change::Drain { node: n(node) });
    }

    fn permits(&mut self, sends: u32, receives: u32) {
        self.change(Change::SetPermits {
            permits: StreamPermits {
                sends: Some(sends),
                receives: Some(receives),
            },
        });
    }

    fn plan(&self) -> BalancePlan {
        self.plan_with(Some(&self.load))
    }

    fn plan_with(&self, load: Option<&Load>) -> BalancePlan {
        let input = BalanceInput {
            metadata: &self.metadata,
            load,
            resting: &self.resting,
            sends_per_node: 4,
            receives_per_node: 4,
        };
        balance(&input, &self.rules)
    }

    /// The moves planned: tablet, from, to, reason.
    fn moves(&self) -> Vec<(u64, u64, u64, Reason)> {
        let short = |planned: &PlannedMove| {
            let PlannedMove {
                tablet,
                from,
                to,
                reason,
                ..
            } = planned;
            (tablet.as_u64(), from.as_u64(), to.as_u64(), *reason)
        };
        self.plan().moves.iter().map(short).collect()
    }

    /// Begins what is planned.
    fn begin(&mut self, plan: &BalancePlan) {
        for planned in &plan.moves {
            self.change(planned.change());
        }
    }

    /// Takes a tablet's transition to its end.
    fn finish(&mut self, tablet: TabletId) {
        while let Some(transition) = &self.metadata.tablets[&tablet].transition {
            let to = transition.stage.next();
            self.step(tablet, to);
        }
    }

    fn step(&mut self, tablet: TabletId, to: Option<tidegate_tablets::Stage>) {
        let expected = self.metadata.tablets[&tablet].epoch;
        self.change(Change::Advance { tablet, expected, to });
    }

    fn running(&self) -> Vec<TabletId> {
        let running =
            |(id, tablet): (&TabletId, &tidegate_tablets::Tablet)| tablet.transition.as_ref().map(|_| *id);
        self.metadata.tablets.iter().filter_map(running).collect()
    }

    /// Runs rounds until nothing is planned any more; answers how many moves that took.
    fn settle(&mut self) -> usize {
        let mut moves = 0;
        for _ in 0..10_000 {
            let plan = self.plan();
            if plan.moves.is_empty() {
                return moves;
            }
            moves += plan.moves.len();
            self.begin(&plan);
            for tablet in self.running() {
                self.finish(tablet);
            }
        }
        panic!("it never ends");
    }

    fn replicas(&self, tablet: u64) -> Vec<u64> {
        let replicas = &self.metadata.tablets[&t(tablet)].replicas;
        replicas.iter().map(|node| node.as_u64()).collect()
    }

    /// Tablets and MiB by node.
    fn held(&self) -> BTreeMap<u64, (usize, u64)> {
        let mut held = BTreeMap::new();
        for (id, tablet) in self.metadata.tablets.iter() {
            for node in &tablet.replicas {
                let entry: &mut (usize, u64) = held.entry(node.as_u64()).or_default();
                entry.0 += 1;
                entry.1 += self.load.tablet(*id).unwrap_or_default().bytes / MIB;
            }
        }
        held
    }
}
