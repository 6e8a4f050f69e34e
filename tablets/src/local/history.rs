//! The versions that are kept for nodes that are behind.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::{Metadata, TabletId, Touched, Version};

/// The last versions, without gaps, the newest at the back. Copies share what did not change.
#[derive(Debug)]
pub(super) struct History {
    copies: VecDeque<(Arc<Metadata>, BTreeSet<TabletId>)>,
    newest: Arc<Metadata>,
    copies_max: usize,
    touched_max: usize,
}

impl History {
    pub(super) fn new(first: Arc<Metadata>, copies_max: usize, touched_max: usize) -> Self {
        let copies = VecDeque::from([(Arc::clone(&first), BTreeSet::new())]);
        Self {
            copies,
            newest: first,
            copies_max: copies_max.max(1),
            touched_max,
        }
    }

    pub(super) fn push(&mut self, copy: Arc<Metadata>, touched: BTreeSet<TabletId>) {
        self.newest = Arc::clone(&copy);
        self.copies.push_back((copy, touched));
        while self.copies.len() > self.copies_max {
            self.copies.pop_front();
        }
    }

    pub(super) fn newest(&self) -> Arc<Metadata> {
        Arc::clone(&self.newest)
    }

    /// The copy of a version, if it is kept.
    pub(super) fn at(&self, version: Version) -> Option<Arc<Metadata>> {
        self.copies
            .get(self.index(version)?)
            .map(|(copy, _)| Arc::clone(copy))
    }

    /// What may differ between the copies of two versions, `after` being the older.
    pub(super) fn touched(&self, after: Version, upto: Version) -> Touched {
        let (Some(after), Some(upto)) = (self.index(after), self.index(upto)) else {
            return Touched::All;
        };
        let mut versions = self
            .copies
            .range(after..=upto)
            .skip(1)
            .map(|(_, touched)| touched);
        // Mostly there is one, and a whole set is copied faster than what is in it.
        let mut all = versions.next().cloned().unwrap_or_default();
        for touched in versions {
            all.extend(touched);
            if all.len() > self.touched_max {
                break;
            }
        }
        if all.len() > self.touched_max {
            Touched::All
        } else {
            Touched::Tablets(all)
        }
    }

    fn index(&self, version: Version) -> Option<usize> {
        let (oldest, _) = self.copies.front()?;
        let index = version.as_u64().checked_sub(oldest.version.as_u64())?;
        usize::try_from(index)
            .ok()
            .filter(|index| *index < self.copies.len())
    }
}
