//! What the oracle found.

use std::collections::BTreeSet;
use std::fmt;

use bytes::Bytes;
use tidegate_tablets::NodeId;

/// Findings that are told one by one; more are only counted.
const FINDINGS_MAX: usize = 20;

/// What can be wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wrong {
    /// A write that was acknowledged is not there.
    Lost,
    /// A value is there that was deleted, or that nobody has written.
    Resurrected,
    /// A row is on a node that is no replica of its tablet.
    Misplaced,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lost => "lost",
            Self::Resurrected => "came back",
            Self::Misplaced => "misplaced",
        })
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The row's key.
    pub(crate) key: Bytes,
    /// What is wrong with it.
    pub(crate) wrong: Wrong,
    /// Where it was seen: on a node, or through the cluster.
    pub(crate) node: Option<NodeId>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key.escape_ascii(), self.wrong)?;
        match self.node {
            Some(node) => write!(f, ", on node {node}"),
            None => f.write_str(", read through the cluster"),
        }
    }
}

/// What the oracle found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Keys of which clients were told anything.
    pub(crate) keys: u64,
    /// Looks at a row: of each key on each of its replicas, of each row that should not be where it is, and of each
    /// key through the cluster.
    pub(crate) rows_checked: u64,
    /// Keys whose acknowledged write is lost.
    pub(crate) rows_lost: u64,
    /// Keys whose value came back.
    pub(crate) rows_resurrected: u64,
    /// Rows on nodes that are no replicas of their tablet.
    pub(crate) rows_misplaced: u64,
    /// Some of what is wrong.
    pub(crate) findings: Vec<Finding>,
}

impl Verdict {
    /// Whether nothing is wrong.
    pub(crate) const fn ok(&self) -> bool {
        self.rows_lost == 0 && self.rows_resurrected == 0 && self.rows_misplaced == 0
    }
}

/// Collects findings; a key counts once for each way in which it is wrong.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) verdict: Verdict,
    keys: BTreeSet<(Wrong, Bytes)>,
}

impl Findings {
    pub(super) const fn checked(&mut self) {
        self.verdict.rows_checked += 1;
    }

    pub(super) fn found(&mut self, key: &Bytes, wrong: Wrong, node: Option<NodeId>) {
        let known = !self.keys.insert((wrong, key.clone()));
        match wrong {
            Wrong::Misplaced => self.verdict.rows_misplaced += 1,
            Wrong::Lost if !known => self.verdict.rows_lost += 1,
            Wrong::Resurrected if !known => self.verdict.rows_resurrected += 1,
            Wrong::Lost | Wrong::Resurrected => {}
        }
        if self.verdict.findings.len() < FINDINGS_MAX {
            self.verdict.findings.push(Finding {
                key: key.clone(),
                wrong,
                node,
            });
        }
    }
}
