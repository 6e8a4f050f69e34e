//! A plan in the making.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_tablets::{Metadata, NodeId, Reason, Stage, Tablet, TabletId, Transition};

use super::rack::Rack;
use super::weight::Weights;
use super::{BalanceInput, BalancePlan, BalanceRules, NodeLoad, PlannedMove, WaitingMove, WhyMove, WhyWait};

/// A live member, as it will be once what runs and what is planned has ended; and what streams there until then.
#[derive(Debug, Clone, Default)]
pub(super) struct Member {
    pub(super) weight: u128,
    pub(super) load: NodeLoad,
    sends: usize,
    receives: usize,
    /// It does not drain: replicas may come.
    pub(super) stays: bool,
}

/// A plan in the making, with the cluster as it will be when all of it, and all that runs, is done.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub(super) metadata: &'a Metadata,
    pub(super) rules: &'a BalanceRules,
    weights: Weights,
    resting: &'a BTreeSet<(TabletId, NodeId)>,
    members: BTreeMap<NodeId, Member>,
    sends_max: usize,
    receives_max: usize,
    running: usize,
    planned: BTreeSet<TabletId>,
    /// Senders that a move of this class waits for: no less urgent one is to take their permits.
    wanted: BTreeSet<NodeId>,
    plan: BalancePlan,
}

impl<'a> Draft<'a> {
    pub(super) fn new(input: &BalanceInput<'a>, rules: &'a BalanceRules) -> Self {
        let metadata = input.metadata;
        let members = metadata
            .nodes
            .iter()
            .filter(|(_, info)| !info.excluded)
            .map(|(node, info)| {
                let stays = !info.draining;
                (
                    *node,
                    Member {
                        stays,
                        ..Member::default()
                    },
                )
            })
            .collect();
        let set = |number: Option<u32>, default: usize| number.map_or(default, |number| number as usize);
        let mut draft = Self {
            metadata,
            rules,
            weights: Weights::new(metadata, input.load, rules),
            resting: input.resting,
            members,
            sends_max: set(metadata.permits.sends, input.sends_per_node),
            receives_max: set(metadata.permits.receives, input.receives_per_node),
            running: 0,
            planned: BTreeSet::new(),
            wanted: BTreeSet::new(),
            plan: BalancePlan::default(),
        };
        for (id, tablet) in metadata.tablets.iter() {
            for node in settled(tablet) {
                draft.add(*node, *id);
            }
            if let Some(transition) = &tablet.transition {
                draft.running += usize::from(transition.reason != Reason::Operator);
                draft.count_stream(transition);
            }
        }
        draft
    }

    /// What a transition that runs takes of the permits, until its stream is done.
    fn count_stream(&mut self, transition: &Transition) {
        let Some(pending) = transition.pending().filter(|_| transition.stage.cancellable()) else {
            return;
        };
        let sources = self.metadata.sources(transition);
        self.take_permits(sources, pending);
    }

    fn take_permits(&mut self, sources: impl IntoIterator<Item = NodeId>, pending: NodeId) {
        for source in sources {
            if let Some(member) = self.members.get_mut(&source) {
                member.sends += 1;
            }
        }
        if let Some(member) = self.members.get_mut(&pending) {
            member.receives += 1;
        }
    }

    fn add(&mut self, node: NodeId, tablet: TabletId) {
        let (weight, bytes) = (self.weights.of(tablet), self.weights.bytes(tablet));
        if let Some(member) = self.members.get_mut(&node) {
            member.weight += weight;
            member.load.tablets += 1;
            member.load.bytes += u128::from(bytes);
        }
    }

    fn take_away(&mut self, node: NodeId, tablet: TabletId) {
        let (weight, bytes) = (self.weights.of(tablet), self.weights.bytes(tablet));
        if let Some(member) = self.members.get_mut(&node) {
            member.weight = member.weight.saturating_sub(weight);
            member.load.tablets = member.load.tablets.saturating_sub(1);
            member.load.bytes = member.load.bytes.saturating_sub(u128::from(bytes));
        }
    }

    /// The tablets that nothing is done about, in order.
    pub(super) fn idle_tablets(&self) -> impl Iterator<Item = (TabletId, &'a Tablet)> + use<'a> {
        let metadata = self.metadata;
        let idle = metadata
            .tablets
            .iter()
            .filter(|(_, tablet)| tablet.transition.is_none());
        idle.map(|(id, tablet)| (*id, tablet))
    }

    pub(super) fn is_planned(&self, tablet: TabletId) -> bool {
        self.planned.contains(&tablet)
    }

    pub(super) fn weight(&self, tablet: TabletId) -> u128 {
        self.weights.of(tablet)
    }

    /// Whether the node is neither excluded nor draining.
    pub(super) fn stays(&self, node: NodeId) -> bool {
        self.members.get(&node).is_some_and(|member| member.stays)
    }

    pub(super) fn rests(&self, tablet: TabletId, node: NodeId) -> bool {
        self.resting.contains(&(tablet, node))
    }

    pub(super) fn may_send(&self, node: NodeId) -> bool {
        self.members
            .get(&node)
            .is_some_and(|member| member.sends < self.sends_max)
    }

    pub(super) fn may_receive(&self, node: NodeId) -> bool {
        self.members
            .get(&node)
            .is_some_and(|member| member.receives < self.receives_max)
    }

    /// Whether the cluster's bound leaves room for one more.
    pub(super) fn has_room(&self) -> bool {
        self.running < self.rules.moves_max
    }

    /// The members to which a replica may come, with what they will hold, the lightest first.
    pub(super) fn staying(&self) -> Vec<(NodeId, &Member)> {
        let mut all: Vec<_> = self.members.iter().filter(|(_, member)| member.stays).collect();
        all.sort_by_key(|(node, member)| (member.weight, **node));
        all.into_iter().map(|(node, member)| (*node, member)).collect()
    }

    /// The racks of those replicas of a tablet, but for `without`, that stay where they are.
    pub(super) fn racks(&self, tablet: &Tablet, without: NodeId) -> BTreeSet<Rack<'a>> {
        let kept = tablet.replicas.iter().copied().filter(|node| *node != without);
        Rack::all(self.metadata, kept.filter(|node| self.stays(*node)))
    }

    /// Plans a move; `sources` send.
    pub(super) fn plan(
        &mut self,
        (tablet, known): (TabletId, &Tablet),
        (from, to): (NodeId, NodeId),
        sources: &[NodeId],
        reason: Reason,
        why: WhyMove,
    ) {
        self.take_permits(sources.iter().copied(), to);
        self.take_away(from, tablet);
        self.add(to, tablet);
        self.running += 1;
        self.planned.insert(tablet);
        self.plan.moves.push(PlannedMove {
            tablet,
            expected: known.epoch,
            from,
            to,
            reason,
            why,
        });
    }

    /// Notes a move that cannot be made now.
    pub(super) fn wait(&mut self, tablet: TabletId, from: NodeId, reason: Reason, why: WhyWait) {
        self.plan.waiting_total += 1;
        if self.plan.waiting.len() < self.rules.waiting_shown {
            self.plan.waiting.push(WaitingMove {
                tablet,
                from,
                reason,
                why,
            });
        }
    }

    /// Keeps the permits of these senders for what waits for them, once its class is through.
    pub(super) fn want(&mut self, sources: &[NodeId]) {
        self.wanted.extend(sources);
    }

    /// What comes now is less urgent than what waits.
    pub(super) fn end_class(&mut self) {
        for node in std::mem::take(&mut self.wanted) {
            if let Some(member) = self.members.get_mut(&node) {
                member.sends = self.sends_max;
            }
        }
    }

    pub(super) fn into_plan(self) -> BalancePlan {
        self.plan
    }
}

/// The replicas that a tablet will have once its transition, if it has one, has ended as it looks now.
fn settled(tablet: &Tablet) -> &BTreeSet<NodeId> {
    match &tablet.transition {
        Some(transition)
            if !matches!(
                transition.stage,
                Stage::CleanupTarget | Stage::RevertMigration | Stage::WriteBothReadOldFallback
            ) =>
        {
            &transition.new
        }
        _ => &tablet.replicas,
    }
}
