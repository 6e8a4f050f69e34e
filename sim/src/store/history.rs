//! The versions that are kept for nodes that are behind.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::sync::Arc;

use tidegate_tablets::{Metadata, TabletId, Touched, Version};

/// The last versions, which may have gaps between them. Copies share what did not change.
#[derive(Debug)]
pub(super) struct History {
    copies: BTreeMap<Version, (Arc<Metadata>, BTreeSet<TabletId>)>,
    newest: Arc<Metadata>,
    copies_max: usize,
    touched_max: usize,
}

impl History {
    pub(super) fn new(first: Arc<Metadata>, copies_max: usize, touched_max: usize) -> Self {
        Self {
            copies: BTreeMap::from([(first.version, (Arc::clone(&first), BTreeSet::new()))]),
            newest: first,
            copies_max: copies_max.max(1),
            touched_max,
        }
    }

    pub(super) fn push(&mut self, copy: Arc<Metadata>, touched: BTreeSet<TabletId>) {
        self.newest = Arc::clone(&copy);
        self.copies.insert(copy.version, (copy, touched));
        while self.copies.len() > self.copies_max {
            self.copies.pop_first();
        }
    }

    pub(super) const fn newest(&self) -> &Arc<Metadata> {
        &self.newest
    }

    /// The copy after that of `version`, and whether it comes as a snapshot because those between are not kept.
    pub(super) fn after(&self, version: Version) -> Option<(Arc<Metadata>, bool)> {
        let (_, (copy, _)) = self.copies.range((Excluded(version), Unbounded)).next()?;
        if self.keeps(version) {
            Some((Arc::clone(copy), false))
        } else {
            Some((Arc::clone(&self.newest), true))
        }
    }

    /// The copy that is `back` entries before that of `version`, or as far back as they are kept.
    pub(super) fn before(&self, version: Version, back: usize) -> Arc<Metadata> {
        let older = self.copies.range(..=version).rev().map(|(_, (copy, _))| copy);
        older.take(back.saturating_add(1)).last().map_or_else(
            || {
                self.copies
                    .values()
                    .next()
                    .map_or_else(|| Arc::clone(&self.newest), |(copy, _)| Arc::clone(copy))
            },
            Arc::clone,
        )
    }

    /// What may differ between the copies of two versions, `after` being the older.
    pub(super) fn touched(&self, after: Version, upto: Version) -> Touched {
        if !self.keeps(after) {
            return Touched::All;
        }
        let mut all = BTreeSet::new();
        for (_, touched) in self
            .copies
            .range((Excluded(after), Included(upto.max(after))))
            .map(|(_, entry)| entry)
        {
            all.extend(touched.iter().copied());
            if all.len() > self.touched_max {
                return Touched::All;
            }
        }
        Touched::Tablets(all)
    }

    /// Whether nothing that came after `version` was forgotten.
    fn keeps(&self, version: Version) -> bool {
        self.copies.keys().next().is_some_and(|oldest| *oldest <= version)
    }
}
