//! Whether what clients were told about one key can have happened one after the other.

use std::collections::HashSet;

/// What a client did, and was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It was told this value.
    Read(Option<u32>),
    /// It wrote this value; none is a delete.
    Write(Option<u32>),
}

/// An operation, from its call to its answer, on one clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) kind: Kind,
    pub(crate) called: u64,
    /// None: a write of unknown outcome, which may take effect at any time, or never.
    pub(crate) answered: Option<u64>,
}

/// Whether there is an order of the operations in which each takes effect between its call and its answer, and
/// every read returns what the write before it wrote. At most 128 operations.
pub(crate) fn is_linearizable(history: &[Operation]) -> bool {
    assert!(history.len() <= 128);
    let certain = history.iter().enumerate().filter(|(_, op)| op.answered.is_some());
    let goal: u128 = certain.map(|(at, _)| 1 << at).sum();
    let mut seen = HashSet::new();
    let mut open = vec![(0_u128, None)];
    while let Some((done, value)) = open.pop() {
        if done & goal == goal {
            return true;
        }
        if !seen.insert((done, value)) {
            continue;
        }
        let left = || history.iter().enumerate().filter(|(at, _)| done & (1 << at) == 0);
        let first_answer = left().filter_map(|(_, op)| op.answered).min().unwrap_or(u64::MAX);
        for (at, op) in left().filter(|(_, op)| op.called < first_answer) {
            match op.kind {
                Kind::Write(written) => open.push((done | 1 << at, written)),
                Kind::Read(read) if read == value => open.push((done | 1 << at, value)),
                Kind::Read(_) => {}
            }
        }
    }
    false
}

const fn op(kind: Kind, called: u64, answered: u64) -> Operation {
    Operation {
        kind,
        called,
        answered: Some(answered),
    }
}

#[test]
fn what_can_have_happened_is_found_possible() {
    let overlapping = [
        op(Kind::Write(Some(1)), 1, 9),
        op(Kind::Read(None), 2, 3),
        op(Kind::Read(Some(1)), 4, 5),
    ];
    assert!(is_linearizable(&overlapping));
    let unknown = Operation {
        kind: Kind::Write(Some(2)),
        called: 1,
        answered: None,
    };
    assert!(is_linearizable(&[
        unknown,
        op(Kind::Read(None), 2, 3),
        op(Kind::Read(Some(2)), 7, 8)
    ]));
    assert!(is_linearizable(&[unknown, op(Kind::Read(None), 2, 3)]));
}

#[test]
fn what_cannot_have_happened_is_found_impossible() {
    let (x, y) = (Kind::Write(Some(1)), Kind::Write(Some(2)));
    let stale = [op(x, 1, 2), op(y, 3, 4), op(Kind::Read(Some(1)), 5, 6)];
    assert!(!is_linearizable(&stale));
    let unseen_again = [
        op(x, 1, 9),
        op(Kind::Read(Some(1)), 2, 3),
        op(Kind::Read(None), 4, 5),
    ];
    assert!(!is_linearizable(&unseen_again));
    let twice = [
        op(x, 1, 20),
        op(Kind::Read(Some(1)), 2, 3),
        op(y, 4, 5),
        op(Kind::Read(Some(2)), 6, 7),
        op(Kind::Read(Some(1)), 8, 9),
    ];
    assert!(!is_linearizable(&twice));
}
