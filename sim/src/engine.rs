//! An engine that loses what was not made durable, on a disk that fails.

mod area;
mod call;
mod config;
mod disk;
mod row_engine;
mod scan;
mod staging;
mod state;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bytes::Bytes;
use rpds::RedBlackTreeMapSync;
use tidegate_guard::SessionId;
use tidegate_kv::Row;
use tidegate_tablets::TabletId;

pub use self::config::DiskConfig;
pub use self::disk::SimDisk;
pub use self::row_engine::SimEngine;

/// The rows of a tablet, or of a staging area, by key. A clone is a snapshot, and shares everything.
pub type Rows = RedBlackTreeMapSync<Bytes, Row>;

/// All that a node's engine holds, as it is now; cheap to take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// The rows that readers see, of each tablet of which there are any.
    pub rows: BTreeMap<TabletId, Rows>,
    /// What is staged, durable or not; marks of an attach too.
    pub staged: BTreeMap<(TabletId, SessionId), StagedArea>,
}

/// A staging area.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StagedArea {
    /// What was staged, of all sources; empty after the attach.
    pub rows: Rows,
    /// Whether it was attached.
    pub attached: bool,
}
