//! The changes on their way to the log.

use tidegate_tablets::{Change, Epoch, Metadata, Proposal, RequestId, TabletId, Version};

use crate::request::{Maker, Naming};

/// The changes on their way to the log: one proposal at a time, so that those which come up meanwhile go together.
#[derive(Debug)]
pub(super) struct Proposer {
    changes_max: usize,
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    proposal: Proposal,
    of: Vec<(TabletId, Epoch)>,
    unknown: u32,
    /// When to send it again; `None` while it is on its way.
    again_ms: Option<u64>,
}

impl Proposer {
    pub(super) fn new(changes_max: usize) -> Self {
        Self {
            changes_max: changes_max.max(1),
            current: None,
        }
    }

    /// How many changes may go now: none while others are on their way.
    pub(super) fn room(&self) -> usize {
        if self.current.is_some() {
            0
        } else {
            self.changes_max
        }
    }

    pub(super) fn limit_to(&mut self, changes_max: usize) {
        self.changes_max = self.changes_max.min(changes_max).max(1);
    }

    /// Makes a proposal of changes that name these epochs, planned at that version.
    pub(super) fn send(&mut self, changes: Vec<(TabletId, Epoch, Change)>, planned_at: Version) -> Proposal {
        let request = request_id(planned_at, &changes);
        let of = changes
            .iter()
            .map(|(tablet, epoch, _)| (*tablet, *epoch))
            .collect();
        let changes = changes.into_iter().map(|(_, _, change)| change).collect();
        let proposal = Proposal { request, changes };
        self.current = Some(Current {
            proposal: proposal.clone(),
            of,
            unknown: 0,
            again_ms: None,
        });
        proposal
    }

    /// The same proposal, by the same name, if it is due again.
    pub(super) fn resend(&mut self, now_ms: u64) -> Option<Proposal> {
        let current = self.current.as_mut()?;
        if current.again_ms.is_none_or(|due| due > now_ms) {
            return None;
        }
        current.again_ms = None;
        Some(current.proposal.clone())
    }

    pub(super) fn due_ms(&self) -> Option<u64> {
        self.current.as_ref()?.again_ms
    }

    /// The proposal has its outcome: gives what it was about, in the order of its changes.
    pub(super) fn end(&mut self) -> Vec<(TabletId, Epoch)> {
        self.current.take().map(|current| current.of).unwrap_or_default()
    }

    /// Nobody knows what became of the proposal: it goes again, later. `delay_ms` gets how often it was so.
    pub(super) fn outcome_unknown(&mut self, now_ms: u64, delay_ms: impl FnOnce(u32) -> u64) {
        if let Some(current) = &mut self.current {
            current.unknown = current.unknown.saturating_add(1);
            current.again_ms = Some(now_ms.saturating_add(delay_ms(current.unknown)));
        }
    }

    /// Drops a proposal of unknown outcome all of whose changes the metadata has overtaken.
    pub(super) fn forget_overtaken(&mut self, metadata: &Metadata) {
        let overtaken = |(tablet, epoch): &(TabletId, Epoch)| {
            metadata
                .tablets
                .get(tablet)
                .is_none_or(|tablet| tablet.epoch != *epoch)
        };
        self.current
            .take_if(|current| current.again_ms.is_some() && current.of.iter().all(overtaken));
    }
}

fn request_id(planned_at: Version, changes: &[(TabletId, Epoch, Change)]) -> RequestId {
    let add = |naming: Naming, (tablet, epoch, change): &(TabletId, Epoch, Change)| {
        let to = match change {
            Change::Advance { to: Some(to), .. } => to.name(),
            _ => "",
        };
        naming
            .number(tablet.as_u64())
            .number(epoch.as_u64())
            .bytes(to.as_bytes())
            .number(to.len() as u64)
    };
    changes
        .iter()
        .fold(Naming::new(), add)
        .name(Maker::Coordinator, planned_at)
}

#[cfg(test)]
mod tests {
    use tidegate_tablets::Stage;

    use super::*;

    fn change(tablet: u64, epoch: u64, to: Option<Stage>) -> (TabletId, Epoch, Change) {
        let (tablet, expected) = (TabletId::new(tablet), Epoch::new(epoch));
        (tablet, expected, Change::Advance { tablet, expected, to })
    }

    #[test]
    fn a_name_differs_with_version_tablet_epoch_stage_and_order() {
        let (a, b) = (change(1, 4, None), change(2, 4, None));
        let names = [
            request_id(Version::new(7), std::slice::from_ref(&a)),
            request_id(Version::new(8), std::slice::from_ref(&a)),
            request_id(Version::new(7), std::slice::from_ref(&b)),
            request_id(Version::new(7), &[change(1, 5, None)]),
            request_id(Version::new(7), &[change(1, 4, Some(Stage::UseNew))]),
            request_id(Version::new(7), &[a.clone(), b.clone()]),
            request_id(Version::new(7), &[b, a]),
        ];
        let different: std::collections::BTreeSet<_> = names.into_iter().collect();
        assert_eq!(different.len(), names.len());
    }

    #[test]
    fn an_unknown_outcome_goes_again_by_the_same_name() {
        let mut proposer = Proposer::new(8);
        let first = proposer.send(vec![change(1, 4, None)], Version::new(7));
        assert_eq!((proposer.room(), proposer.resend(1000)), (0, None), "on its way");
        proposer.outcome_unknown(1000, |times| u64::from(times) * 10);
        assert_eq!(proposer.due_ms(), Some(1010));
        assert_eq!(proposer.resend(1009), None);
        assert_eq!(proposer.resend(1010), Some(first));
        proposer.outcome_unknown(1010, |times| u64::from(times) * 10);
        assert_eq!(proposer.due_ms(), Some(1030));
        proposer.forget_overtaken(&Metadata::default());
        assert_eq!(proposer.room(), 8, "its tablet is gone, and so is the question");
    }
}
