//! What an operator should know of a move before it is asked for.

use tidegate_tablets::{NodeId, TransitionKind};

use super::Planned;
use crate::api::Silent;

/// What speaks against a move, though it is not refused.
pub(super) fn of(planned: &Planned, is_size_known: bool, silent: &[Silent]) -> Vec<String> {
    let mut notes = Vec::new();
    if !is_size_known {
        notes.push(
            "no source tells how much it holds: see `tidegate status` for nodes that do not answer"
                .to_owned(),
        );
    }
    notes.extend(few_sources(planned));
    notes.extend(silent.iter().map(|silent| {
        let Silent { node, why } = silent;
        format!(
            "node {node} takes part and does not answer ({why}): the move waits for it, until it is back or excluded"
        )
    }));
    notes.extend(shared_rack(planned));
    notes
}

/// Says so where a rebuild would wait for sources that are gone.
fn few_sources(planned: &Planned) -> Option<String> {
    if planned.kind != TransitionKind::Rebuild {
        return None;
    }
    let mut then = (*planned.metadata).clone();
    let applied = then.apply(planned.metadata.version, &planned.change);
    applied.outcome.ok()?;
    let transition = then.tablets.get(&planned.tablet)?.transition.as_ref()?;
    let (live, needed) = (then.sources(transition).len(), transition.sources_needed());
    let tablet = planned.tablet;
    (live < needed).then(|| {
        format!(
            "it waits: {live} of the {needed} replicas are alive that are sure to hold every acknowledged write. Bring one \
             back first, or, once it has begun, give up what they alone held (`tidegate allow-fewer-sources {tablet}`)"
        )
    })
}

/// Says so where two replicas come to stand in one rack.
fn shared_rack(planned: &Planned) -> Option<String> {
    let rack = |node: &NodeId| {
        planned
            .metadata
            .nodes
            .get(node)
            .and_then(|info| info.rack.as_deref())
    };
    let wanted = rack(&planned.to)?;
    let replicas = &planned.metadata.tablets.get(&planned.tablet)?.replicas;
    let mut stay = replicas.iter().filter(|node| **node != planned.from);
    let shares = stay.find(|node| rack(node) == Some(wanted))?;
    Some(format!(
        "nodes {shares} and {} stand in the same rack, {wanted}",
        planned.to
    ))
}
