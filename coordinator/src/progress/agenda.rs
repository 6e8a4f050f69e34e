//! Which tablets to plan again, and when.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_tablets::TabletId;

/// Which tablets to plan again: now, and when their time has come. A tablet has one time, the next that matters.
#[derive(Debug, Clone, Default)]
pub(super) struct Agenda {
    now: BTreeSet<TabletId>,
    later: BTreeSet<(u64, TabletId)>,
    times: BTreeMap<TabletId, u64>,
}

impl Agenda {
    /// At the next opportunity.
    pub(super) fn add(&mut self, tablet: TabletId) {
        self.now.insert(tablet);
    }

    /// Again at that time, instead of the one before.
    pub(super) fn wake_at(&mut self, tablet: TabletId, at_ms: Option<u64>) {
        let before = match at_ms {
            Some(at_ms) => self.times.insert(tablet, at_ms),
            None => self.times.remove(&tablet),
        };
        if before == at_ms {
            return;
        }
        if let Some(before) = before {
            self.later.remove(&(before, tablet));
        }
        if let Some(at_ms) = at_ms {
            self.later.insert((at_ms, tablet));
        }
    }

    /// Takes off one whose time has come.
    pub(super) fn pop_due(&mut self, now_ms: u64) -> Option<TabletId> {
        let (at_ms, tablet) = self.later.first().copied()?;
        if at_ms > now_ms {
            return None;
        }
        self.wake_at(tablet, None);
        Some(tablet)
    }

    /// Takes off those that are to be planned now.
    pub(super) fn take(&mut self) -> BTreeSet<TabletId> {
        std::mem::take(&mut self.now)
    }

    pub(super) fn due_ms(&self) -> Option<u64> {
        self.later.first().map(|(at_ms, _)| *at_ms)
    }
}
