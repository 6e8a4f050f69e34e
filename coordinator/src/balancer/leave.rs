//! What has to leave its node: replicas that excluded nodes held, and those on nodes that drain.

use std::collections::BTreeSet;

use tidegate_tablets::{NodeId, Reason, Tablet, TabletId, quorum_of};

use super::draft::Draft;
use super::rack::Rack;
use super::{WhyMove, WhyWait};

/// Plans for [`Reason::Rebuild`] or [`Reason::Drain`], tablet by tablet. Of a tablet one replica moves at a time, and
/// what an excluded node held comes first.
pub(super) fn plan(draft: &mut Draft<'_>, reason: Reason) {
    for (id, tablet) in draft.idle_tablets() {
        let excluded = tablet
            .replicas
            .iter()
            .find(|node| draft.metadata.is_excluded(**node));
        let leaving = match (reason, excluded) {
            (Reason::Rebuild, excluded) => excluded,
            (_, Some(_)) => None,
            (_, None) => tablet.replicas.iter().find(|node| !draft.stays(**node)),
        };
        if let Some(from) = leaving.copied() {
            leave(draft, (id, tablet), from, reason);
        }
    }
}

fn leave(draft: &mut Draft<'_>, (id, tablet): (TabletId, &Tablet), from: NodeId, reason: Reason) {
    let sources = match sources(draft, tablet, from, reason) {
        Ok(sources) => sources,
        Err(few) => return draft.wait(id, from, reason, few),
    };
    if !draft.has_room() || !sources.iter().all(|node| draft.may_send(*node)) {
        draft.want(&sources);
        return draft.wait(id, from, reason, WhyWait::Permits);
    }
    let taken = draft.racks(tablet, from);
    let (choice, waits) = target(draft, (id, tablet), &taken, reason);
    let Some(to) = choice else {
        if waits == WhyWait::Permits {
            draft.want(&sources);
        }
        return draft.wait(id, from, reason, waits);
    };
    let rack = Rack::of(draft.metadata, to);
    let shares = taken.contains(&rack).then(|| rack.name()).flatten();
    let why = match reason {
        Reason::Rebuild => WhyMove::Excluded { shares },
        _ => WhyMove::Draining { shares },
    };
    draft.plan((id, tablet), (from, to), &sources, reason, why);
}

/// Who sends: the replica that drains, or every live replica of one that is made anew, if they are enough that one of
/// them is in every write quorum.
fn sources(draft: &Draft<'_>, tablet: &Tablet, from: NodeId, reason: Reason) -> Result<Vec<NodeId>, WhyWait> {
    if reason != Reason::Rebuild {
        return Ok(vec![from]);
    }
    let live = |node: &NodeId| !draft.metadata.is_excluded(*node);
    let sources: Vec<NodeId> = tablet.replicas.iter().copied().filter(live).collect();
    let needed = tablet.replicas.len() + 1 - quorum_of(&tablet.replicas).min(tablet.replicas.len());
    if sources.len() < needed {
        return Err(WhyWait::FewSources {
            live: sources.len(),
            needed,
        });
    }
    Ok(sources)
}

/// The lightest node that may take it now, in a rack that has no replica if any such node is there; else what it
/// waits for.
///
/// A node that rests for the tablet is no reason for a drain to share a rack: the drain waits for it. A rebuild does
/// not wait, as a replica is missing meanwhile.
fn target(
    draft: &Draft<'_>,
    (id, tablet): (TabletId, &Tablet),
    taken: &BTreeSet<Rack<'_>>,
    reason: Reason,
) -> (Option<NodeId>, WhyWait) {
    let free = draft.staying().into_iter().map(|(node, _)| node);
    let free: Vec<NodeId> = free.filter(|node| !tablet.replicas.contains(node)).collect();
    let awake: Vec<NodeId> = free
        .iter()
        .copied()
        .filter(|node| !draft.rests(id, *node))
        .collect();
    let shares = |node: &NodeId| taken.contains(&Rack::of(draft.metadata, *node));
    let must_share = match reason {
        Reason::Rebuild => awake.iter().all(shares),
        _ => free.iter().all(shares),
    };
    let fits: Vec<NodeId> = awake
        .into_iter()
        .filter(|node| must_share || !shares(node))
        .collect();
    let choice = fits.iter().find(|node| draft.may_receive(**node));
    let waits = match (free.is_empty(), fits.is_empty()) {
        (true, _) => WhyWait::NoNode,
        (_, true) => WhyWait::Resting,
        _ => WhyWait::Permits,
    };
    (choice.copied(), waits)
}
