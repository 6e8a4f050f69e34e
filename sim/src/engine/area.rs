//! A staging area, and how much of it a crash leaves.

use std::collections::VecDeque;

use rpds::RedBlackTreeMapSync;
use tidegate_kv::Row;
use tidegate_streaming::Position;
use tidegate_transport::PeerId;

use super::Rows;
use super::state::merge;

/// States that are kept between what is durable and what is not; of more, the older ones go.
const UNSYNCED_MAX: usize = 32;

/// A staging area.
#[derive(Debug)]
pub(super) struct Area {
    /// Tells this area from an earlier one of the same name.
    pub(super) number: u64,
    pub(super) now: Staged,
    pub(super) attached: bool,
    /// What a crash leaves at least; nothing, not even the area, before the first sync.
    durable: Option<Staged>,
    /// What was between that and now, oldest first: a crash may leave any of it.
    unsynced: VecDeque<Staged>,
}

/// What was staged, with the positions that stand for it. A clone shares everything.
#[derive(Debug, Clone, Default)]
pub(super) struct Staged {
    pub(super) rows: Rows,
    pub(super) positions: RedBlackTreeMapSync<PeerId, Position>,
}

impl Area {
    pub(super) fn new(number: u64) -> Self {
        Self {
            number,
            now: Staged::default(),
            attached: false,
            durable: None,
            unsynced: VecDeque::new(),
        }
    }

    pub(super) fn stage(&mut self, rows: &[Row], source: PeerId, last: &Position) {
        self.unsynced.push_back(self.now.clone());
        if self.unsynced.len() > UNSYNCED_MAX {
            self.unsynced.pop_front();
        }
        merge(&mut self.now.rows, rows);
        let positions = &mut self.now.positions;
        if positions.get(&source).is_none_or(|before| before < last) {
            positions.insert_mut(source, last.clone());
        }
    }

    pub(super) fn sync(&mut self) {
        self.unsynced.clear();
        self.durable = Some(self.now.clone());
    }

    /// Gives away what was staged, durably.
    pub(super) fn attach(&mut self) -> Rows {
        let rows = std::mem::take(&mut self.now.rows);
        self.attached = true;
        self.sync();
        rows
    }

    /// Loses what is not durable, as much of it as the dice say; answers whether anything is left.
    pub(super) fn crash(&mut self, rng: &mut fastrand::Rng) -> bool {
        let states = self.unsynced.len();
        // The durable state, one of those between, or the last.
        let left = rng.usize(0..=states + 1);
        if left == 0 {
            match self.durable.clone() {
                Some(durable) => self.now = durable,
                None => return false,
            }
        } else if left <= states
            && let Some(between) = self.unsynced.get(left - 1).cloned()
        {
            self.now = between;
        }
        self.sync();
        true
    }
}
