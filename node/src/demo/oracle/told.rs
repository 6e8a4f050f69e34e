//! What clients were told of one key: a pure core.

use std::time::{Duration, Instant};

use super::digest::Digest;
use super::verdict::Wrong;

/// What a key is, as a client sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum State {
    /// Never written.
    #[default]
    Absent,
    /// It has this value.
    Value(Digest),
    /// It was deleted.
    Deleted,
}

impl State {
    /// Whether a read may show `seen` when this is the key's state.
    pub(super) fn shows(self, seen: Option<Digest>) -> bool {
        match self {
            Self::Absent | Self::Deleted => seen.is_none(),
            Self::Value(value) => seen == Some(value),
        }
    }
}

/// An operation that may have taken effect, or may yet.
#[derive(Debug, Clone, Copy)]
struct Possible {
    number: u64,
    state: State,
    begun: Instant,
    /// When its client was told that its outcome is unknown; none while it is under way.
    unknown: Option<Instant>,
}

/// What clients were told of one key.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    acknowledged: State,
    possible: Vec<Possible>,
    /// Deleted, and its tombstone purged on every replica.
    purged: bool,
    /// What a read has shown that it must not.
    pub(super) wrong: Option<Wrong>,
}

impl Told {
    pub(super) fn begin(&mut self, number: u64, state: State, now: Instant) {
        self.possible.push(Possible {
            number,
            state,
            begun: now,
            unknown: None,
        });
    }

    pub(super) fn acknowledge(&mut self, number: u64, settle: Duration) {
        if let Some(at) = self
            .possible
            .iter()
            .position(|possible| possible.number == number)
        {
            self.settle_on(at, settle);
        }
    }

    pub(super) fn refuse(&mut self, number: u64) {
        self.possible.retain(|possible| possible.number != number);
    }

    pub(super) fn unknown(&mut self, number: u64, now: Instant) {
        for possible in &mut self.possible {
            if possible.number == number {
                possible.unknown = Some(now);
            }
        }
    }

    pub(super) fn purge(&mut self) {
        if self.acknowledged == State::Deleted && self.possible.is_empty() {
            self.purged = true;
        }
    }

    /// A read through the cluster has shown `seen`: right or wrong, and if right, what it tells of operations whose
    /// outcome was unknown.
    pub(super) fn read(&mut self, seen: Option<Digest>, settle: Duration) -> Result<(), Wrong> {
        if self.acknowledged.shows(seen) {
            return Ok(());
        }
        if let Some(at) = self
            .possible
            .iter()
            .position(|possible| possible.state.shows(seen))
        {
            self.settle_on(at, settle);
            return Ok(());
        }
        let wrong = self.wrong(seen);
        self.wrong = Some(wrong);
        Err(wrong)
    }

    /// Whether a read may show `seen`.
    pub(super) fn allows(&self, seen: Option<Digest>) -> Result<(), Wrong> {
        if self.acknowledged.shows(seen) || self.possible.iter().any(|possible| possible.state.shows(seen)) {
            Ok(())
        } else {
            Err(self.wrong(seen))
        }
    }

    /// The states the key may have.
    pub(super) fn states(&self) -> impl Iterator<Item = State> {
        std::iter::once(self.acknowledged).chain(self.possible.iter().map(|possible| possible.state))
    }

    /// Whether no operation's outcome is open.
    pub(super) const fn is_certain(&self) -> bool {
        self.possible.is_empty()
    }

    pub(super) const fn is_purged(&self) -> bool {
        self.purged && self.is_certain()
    }

    const fn wrong(&self, seen: Option<Digest>) -> Wrong {
        match (self.acknowledged, seen) {
            // A value that was covered by a later one, or none where one should be: what is later is lost.
            (State::Value(_), _) | (_, None) => Wrong::Lost,
            (State::Absent | State::Deleted, Some(_)) => Wrong::Resurrected,
        }
    }

    /// That operation took effect. Those before it are covered by it, if they were over for a while when it began:
    /// one that was given up at almost the same moment may have a later timestamp, from another node's clock.
    fn settle_on(&mut self, at: usize, settle: Duration) {
        let took_effect = self.possible.remove(at);
        self.acknowledged = took_effect.state;
        self.purged = false;
        self.possible.retain(|possible| {
            let before = possible.number < took_effect.number;
            let covered = possible
                .unknown
                .is_some_and(|at| at + settle <= took_effect.begun);
            !(before && covered)
        });
    }
}
