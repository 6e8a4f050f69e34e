//! What is reported of tablets, and the port through which it comes.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use thiserror::Error;
use tidegate_tablets::{Metadata, TabletId};

/// What one replica of a tablet holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TabletLoad {
    /// Bytes on disk, or in memory for an engine that has no disk.
    pub bytes: u64,
    /// Rows, tombstones too.
    pub rows: u64,
}

/// What is reported of tablets; some may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Load {
    tablets: BTreeMap<TabletId, TabletLoad>,
}

impl Load {
    /// Nothing is reported.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in what a replica reports; of several the largest of each number counts, for a replica that is behind
    /// or still being filled has less.
    pub fn report(&mut self, tablet: TabletId, load: TabletLoad) {
        let known = self.tablets.entry(tablet).or_default();
        known.bytes = known.bytes.max(load.bytes);
        known.rows = known.rows.max(load.rows);
    }

    /// What is reported of a tablet.
    #[must_use]
    pub fn tablet(&self, tablet: TabletId) -> Option<TabletLoad> {
        self.tablets.get(&tablet).copied()
    }

    /// Of how many tablets something is reported.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tablets.len()
    }

    /// Whether nothing is reported.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tablets.is_empty()
    }
}

impl FromIterator<(TabletId, TabletLoad)> for Load {
    fn from_iter<I: IntoIterator<Item = (TabletId, TabletLoad)>>(reports: I) -> Self {
        let mut load = Self::new();
        for (tablet, reported) in reports {
            load.report(tablet, reported);
        }
        load
    }
}

/// Why there is no load. Nothing moves for its weight until there is; ask again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the load is not known: {reason}")]
pub struct LoadError {
    /// What went wrong.
    pub reason: String,
}

/// Where the balancer learns how much tablets hold.
#[async_trait]
pub trait LoadReports: Send + Sync + fmt::Debug + 'static {
    /// What is known now. Better old or not whole than late: the balancer waits no longer than its
    /// [deadline](super::BalancerConfig::load_deadline), and a node that is down is no reason to tell nothing.
    ///
    /// # Errors
    ///
    /// [`LoadError`] where nothing is known.
    ///
    /// # Cancel safety
    ///
    /// Has to be safe: it is dropped at the deadline.
    async fn load(&self, metadata: &Metadata) -> Result<Load, LoadError>;
}

/// Always the same: for tests, and for tablets that do not change.
#[async_trait]
impl LoadReports for Load {
    async fn load(&self, _: &Metadata) -> Result<Self, LoadError> {
        Ok(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_report_of_each_number_counts() {
        let tablet = TabletId::new(1);
        let load = |bytes, rows| TabletLoad { bytes, rows };
        let reports = [load(10, 5), load(7, 9), load(0, 0)];
        let known: Load = reports.into_iter().map(|load| (tablet, load)).collect();
        assert_eq!(known.tablet(tablet), Some(load(10, 9)));
        assert_eq!((known.len(), known.is_empty()), (1, false));
        assert_eq!(known.tablet(TabletId::new(2)), None);
    }
}
