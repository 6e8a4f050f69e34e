//! Spreads replicas over racks, and weight over nodes.

use std::collections::BTreeSet;

use tidegate_tablets::{NodeId, Reason, Tablet, TabletId};

use super::WhyMove;
use super::draft::{Draft, Member};
use super::rack::Rack;

/// Of two replicas in one rack, one goes to a rack that has none, where one has room.
pub(super) fn plan_racks(draft: &mut Draft<'_>) {
    for (id, tablet) in draft.idle_tablets() {
        if !draft.has_room() {
            return;
        }
        if draft.is_planned(id) || !all_stay(draft, tablet) {
            continue;
        }
        let racks = Rack::all(draft.metadata, tablet.replicas.iter().copied());
        if racks.len() == tablet.replicas.len() {
            continue;
        }
        if let Some((from, to, rack)) = apart(draft, (id, tablet), &racks) {
            let why = WhyMove::SharedRack { rack };
            draft.plan((id, tablet), (from, to), &[from], Reason::Balance, why);
        }
    }
}

/// The heaviest node of those that share a rack, and the lightest in a rack that holds no replica.
fn apart(
    draft: &Draft<'_>,
    (id, tablet): (TabletId, &Tablet),
    racks: &BTreeSet<Rack<'_>>,
) -> Option<(NodeId, NodeId, String)> {
    let staying = draft.staying();
    let to = staying.iter().map(|(node, _)| *node).find(|node| {
        !racks.contains(&Rack::of(draft.metadata, *node))
            && draft.may_receive(*node)
            && !draft.rests(id, *node)
    })?;
    let from = staying.iter().rev().map(|(node, _)| *node).find(|node| {
        let rack = Rack::of(draft.metadata, *node);
        tablet.replicas.contains(node) && draft.may_send(*node) && draft.racks(tablet, *node).contains(&rack)
    })?;
    Some((from, to, Rack::of(draft.metadata, from).name()?))
}

/// The busiest nodes give to the idlest until no move is worth it.
pub(super) fn plan_weights(draft: &mut Draft<'_>) {
    let members = draft.staying();
    let total: u128 = members.iter().map(|(_, member)| member.weight).sum();
    let mean = total / (members.len() as u128).max(1);
    let margin = mean.saturating_mul(u128::from(draft.rules.tolerance_permille)) / 1000;
    // Pairs between which nothing can go: not looked at again in this plan.
    let mut closed = BTreeSet::new();
    while draft.has_room() && plan_one(draft, margin, &mut closed) {}
}

fn plan_one(draft: &mut Draft<'_>, margin: u128, closed: &mut BTreeSet<(NodeId, NodeId)>) -> bool {
    let staying: Vec<(NodeId, Member)> = draft
        .staying()
        .into_iter()
        .map(|(node, member)| (node, member.clone()))
        .collect();
    for (from, heavy) in staying.iter().rev() {
        if !draft.may_send(*from) {
            continue;
        }
        for (to, light) in &staying {
            let difference = heavy.weight.saturating_sub(light.weight);
            if difference <= margin {
                break;
            }
            if !draft.may_receive(*to) || closed.contains(&(*from, *to)) {
                continue;
            }
            let Some(tablet) = best(draft, (*from, *to), difference, margin) else {
                closed.insert((*from, *to));
                continue;
            };
            let Some(known) = draft.metadata.tablets.get(&tablet) else {
                return false;
            };
            let why = WhyMove::Uneven {
                from: heavy.load,
                to: light.load,
            };
            draft.plan((tablet, known), (*from, *to), &[*from], Reason::Balance, why);
            return true;
        }
    }
    false
}

/// The tablet whose move brings the two nodes closest to each other, of those that may go.
fn best(draft: &Draft<'_>, (from, to): (NodeId, NodeId), difference: u128, margin: u128) -> Option<TabletId> {
    let mut best: Option<(u128, TabletId)> = None;
    for id in draft.metadata.tablets_of(from) {
        let weight = draft.weight(id);
        let after = difference.abs_diff(weight.saturating_mul(2));
        if weight.saturating_add(margin) >= difference || best.is_some_and(|(least, _)| least <= after) {
            continue;
        }
        if draft
            .metadata
            .tablets
            .get(&id)
            .is_some_and(|tablet| may_go(draft, (id, tablet), from, to))
        {
            best = Some((after, id));
        }
    }
    best.map(|(_, id)| id)
}

fn may_go(draft: &Draft<'_>, (id, tablet): (TabletId, &Tablet), from: NodeId, to: NodeId) -> bool {
    if tablet.transition.is_some() || draft.is_planned(id) || draft.rests(id, to) {
        return false;
    }
    if !tablet.replicas.contains(&from) || tablet.replicas.contains(&to) || !all_stay(draft, tablet) {
        return false;
    }
    let rest = draft.racks(tablet, from);
    // In as many racks as before, at the least.
    !rest.contains(&Rack::of(draft.metadata, to)) || rest.contains(&Rack::of(draft.metadata, from))
}

/// Whether no replica has to leave: what has to is planned for elsewhere, or waits.
fn all_stay(draft: &Draft<'_>, tablet: &Tablet) -> bool {
    tablet.replicas.iter().all(|node| draft.stays(*node))
}
