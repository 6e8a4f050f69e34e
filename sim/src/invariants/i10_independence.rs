//! I10: streaming of one tablet blocks no barrier of another.

use std::collections::BTreeMap;
use std::time::Duration;

use tidegate_guard::SessionId;
use tidegate_tablets::{Epoch, NodeId, TabletId, Version};

use super::{Invariant, Now};
use crate::event::{EffectKind, Event, FaultKind};

/// How long an answer may take once nothing of its own tablet holds it, where nothing disturbs.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// How long reads that were slow before everything was healed may go on.
const HEALING: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(super) struct Independence {
    asked: BTreeMap<(NodeId, TabletId), Asked>,
    looked: Duration,
    /// Whether a disk was slowed down: the reads of an older request hold a barrier as well, and are not told.
    slow: bool,
    healed: Option<Duration>,
}

#[derive(Debug)]
struct Asked {
    epoch: Epoch,
    min_version: Version,
    /// Since when nothing of the tablet itself has held the answer.
    free: Option<Duration>,
}

impl Invariant for Independence {
    fn name(&self) -> &'static str {
        "I10-independence"
    }

    fn observe(&mut self, now: &Now<'_>, event: &Event) -> Result<(), String> {
        match event {
            Event::BarrierAsked {
                node,
                tablet,
                epoch,
                min_version,
            } => {
                let asked = Asked {
                    epoch: *epoch,
                    min_version: *min_version,
                    free: None,
                };
                let held = self.asked.entry((*node, *tablet)).or_insert(asked);
                if held.epoch < *epoch {
                    (held.epoch, held.min_version, held.free) = (*epoch, *min_version, None);
                }
            }
            Event::BarrierAnswered {
                node, tablet, result, ..
            } => {
                self.asked.remove(&(*node, *tablet));
                if let Err(error) = result {
                    return names_its_own(*node, *tablet, error);
                }
            }
            // Whoever asked is gone, and hears nothing.
            Event::Crashed { .. } | Event::CoordinatorStopped { .. } => self.asked.clear(),
            Event::Fault { kind, .. } => {
                self.asked.clear();
                self.slow |= *kind == FaultKind::SlowDisk;
            }
            // What was lost on the way before is asked for again.
            Event::Healed => {
                self.asked.clear();
                (self.slow, self.healed) = (false, Some(now.at));
            }
            _ => {}
        }
        self.look(now)
    }
}

impl Independence {
    fn look(&mut self, now: &Now<'_>) -> Result<(), String> {
        // Looked at once an instant, after what else happened in it.
        if now.at == self.looked || self.asked.is_empty() {
            return Ok(());
        }
        self.looked = now.at;
        let healing = self.healed.is_some_and(|healed| now.at < healed + HEALING);
        let disturbed = now.facts.disturbed || self.slow || healing;
        for ((node, tablet), asked) in &mut self.asked {
            if disturbed || now.facts.epoch(*tablet) != asked.epoch || held(now, *node, *tablet, asked) {
                asked.free = None;
                continue;
            }
            let since = *asked.free.get_or_insert(now.at);
            if now.at > since + ANSWER_MAX {
                return Err(format!(
                    "n{node} has not answered the barrier of t{tablet} for epoch {}, and nothing of t{tablet} has \
                     held it for {:?}",
                    asked.epoch,
                    now.at - since
                ));
            }
        }
        Ok(())
    }
}

/// Whether the tablet itself holds the answer: metadata, a session that is closing, an older request, a removal.
fn held(now: &Now<'_>, node: NodeId, tablet: TabletId, asked: &Asked) -> bool {
    let applied = now
        .facts
        .nodes
        .get(&node)
        .map(|facts| facts.applied)
        .unwrap_or_default();
    if applied < asked.min_version || !now.is_up(node) || now.facts.metadata.is_excluded(node) {
        return true;
    }
    let (_, closing) = now.sessions(node);
    closing
        .iter()
        .any(|session| TabletId::of_session(*session) == tablet)
        || now.facts.running(node, tablet).any(|(_, effect)| {
            effect.session.is_some() || matches!(effect.kind, EffectKind::Write | EffectKind::Remove)
        })
}

/// A report of holders names holders of its own tablet only.
fn names_its_own(node: NodeId, tablet: TabletId, error: &str) -> Result<(), String> {
    let words = error.split([' ', ';', ',']);
    let sessions = words.filter_map(|word| word.strip_prefix("session="));
    let others = sessions
        .filter_map(session)
        .map(TabletId::of_session)
        .find(|other| *other != tablet);
    match others {
        Some(other) => Err(format!(
            "n{node}: t{other} holds the barrier of t{tablet}: {error}"
        )),
        None => Ok(()),
    }
}

/// A session by what it is written as.
fn session(text: &str) -> Option<SessionId> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    SessionId::from_u128(u128::from_str_radix(&digits, 16).ok()?).ok()
}

#[cfg(test)]
mod tests;
