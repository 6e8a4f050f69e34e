//! The network loses connections, delays and reorders, and hears one side only.

use std::sync::Arc;
use std::time::Duration;

use tidegate_tablets::NodeId;
use tidegate_transport::PeerId;
use tidegate_transport_mem::LinkFaults;

use super::Hand;
use crate::event::FaultKind;

fn peer(node: NodeId) -> PeerId {
    PeerId::new(node.as_u64())
}

impl Hand {
    fn others(&self, node: NodeId) -> impl Iterator<Item = NodeId> + use<> {
        self.cluster.ids().into_iter().filter(move |other| *other != node)
    }

    fn usual(&self) -> LinkFaults {
        LinkFaults {
            delay: self.plan().frame_delay.clone(),
            ..LinkFaults::default()
        }
    }

    /// All connections of a node are lost at once.
    pub(super) fn cut(&self, node: NodeId) {
        self.strike(FaultKind::Cut, &[node]);
        for other in self.others(node) {
            self.cluster.network.cut(peer(node), peer(other));
        }
    }

    /// What a node sends and gets takes long for a while.
    pub(super) fn delay(self: &Arc<Self>, node: NodeId) {
        self.strike(FaultKind::Delay, &[node]);
        let least = self.time(5, 60);
        let slow = LinkFaults {
            delay: least..=least + self.time(0, 400),
            ..LinkFaults::default()
        };
        self.for_a_while(node, &slow);
    }

    /// Streams of a node overtake each other for a while.
    pub(super) fn reorder(self: &Arc<Self>, node: NodeId) {
        self.strike(FaultKind::Reorder, &[node]);
        let staggered = LinkFaults {
            stagger: Duration::ZERO..=self.time(5, 150),
            ..self.usual()
        };
        self.for_a_while(node, &staggered);
    }

    fn for_a_while(self: &Arc<Self>, node: NodeId, faults: &LinkFaults) {
        let network = &self.cluster.network;
        for other in self.others(node) {
            network.set_faults(peer(node), peer(other), faults.clone());
        }
        let lasts = self.time(20, 900);
        self.later(lasts, move |hand| {
            let network = &hand.cluster.network;
            for other in hand.others(node) {
                network.set_faults(peer(node), peer(other), hand.usual());
            }
        });
    }

    /// A node opens no streams to some others, or they open none to it, for a while.
    pub(super) fn partition_one_way(self: &Arc<Self>, node: NodeId) {
        self.strike(FaultKind::PartitionOneWay, &[node]);
        for (from, to) in self.some_ways(node) {
            self.cluster.network.partition_one_way(from, to);
        }
        self.heal_later(node);
    }

    /// What a node sends to some others, or they to it, is taken and never arrives, for a while.
    pub(super) fn half_open(self: &Arc<Self>, node: NodeId) {
        self.strike(FaultKind::HalfOpen, &[node]);
        for (from, to) in self.some_ways(node) {
            self.cluster.network.silence(from, to);
        }
        self.heal_later(node);
    }

    /// From a node to others, or from others to it.
    fn some_ways(&self, node: NodeId) -> Vec<(PeerId, PeerId)> {
        let outward = self.dice.happens(0.5);
        let all = self.dice.happens(0.5);
        let others: Vec<NodeId> = self.others(node).collect();
        // One at the least, or nothing would go wrong.
        let one = self.dice.one_of(&others).copied();
        others
            .into_iter()
            .filter(|other| all || Some(*other) == one || self.dice.happens(0.5))
            .map(|other| {
                if outward {
                    (peer(node), peer(other))
                } else {
                    (peer(other), peer(node))
                }
            })
            .collect()
    }

    fn heal_later(self: &Arc<Self>, node: NodeId) {
        let lasts = self.time(20, 1500);
        self.later(lasts, move |hand| {
            for other in hand.others(node) {
                hand.cluster.network.heal(peer(node), peer(other));
            }
        });
    }

    pub(super) fn heal_network(&self) {
        self.cluster.network.heal_all();
        self.cluster.network.set_faults_everywhere(&self.usual());
    }
}
