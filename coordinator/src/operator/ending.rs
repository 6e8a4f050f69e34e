//! How a transition ended.

use std::collections::BTreeSet;

use tidegate_tablets::{Epoch, NodeId, Stage, Tablet, TabletId, Transition};

use super::{Operator, OperatorError, exchanged};

/// How a transition ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It did what it was for.
    Completed,
    /// It went back: the replicas are what they were.
    RolledBack,
    /// Its table was dropped.
    TableDropped,
}

/// What was seen of a transition.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    old: BTreeSet<NodeId>,
    new: BTreeSet<NodeId>,
    /// The last stage that was seen, if any was.
    stage: Option<Stage>,
}

/// Changes from a transition's first to the one that ends it, at the least: the shortest way back, and the way
/// forward.
const BACK_MIN: u64 = 3;
const FORWARD: u64 = 7;

impl Seen {
    pub(super) fn planned(old: &BTreeSet<NodeId>, leaving: Option<NodeId>, pending: Option<NodeId>) -> Self {
        Self {
            old: old.clone(),
            new: exchanged(old, leaving, pending),
            stage: None,
        }
    }

    fn of(transition: &Transition) -> Self {
        Self {
            old: transition.old.clone(),
            new: transition.new.clone(),
            stage: Some(transition.stage),
        }
    }

    /// How it ended, by the last stage that was seen and the tablet as it is now; `None` where that does not tell.
    fn ended(&self, begun: Epoch, tablet: &Tablet) -> Option<Ended> {
        match self.stage {
            Some(Stage::UseNew | Stage::Cleanup | Stage::EndMigration) => return Some(Ended::Completed),
            Some(Stage::CleanupTarget | Stage::RevertMigration | Stage::WriteBothReadOldFallback) => {
                return Some(Ended::RolledBack);
            }
            _ => {}
        }
        if self.old == self.new {
            // A purge has no way back. A move of nothing that went back is as good as one that did not.
            return Some(Ended::Completed);
        }
        // Where the tablet is so far on that this one may have gone back and a like one have completed since, or
        // the other way round, its replicas tell nothing.
        let epochs = tablet.epoch.as_u64().saturating_sub(begun.as_u64());
        let surely_one = epochs <= BACK_MIN + FORWARD;
        if !surely_one {
            None
        } else if tablet.replicas == self.new {
            Some(Ended::Completed)
        } else if tablet.replicas == self.old {
            Some(Ended::RolledBack)
        } else {
            None
        }
    }
}

impl Operator {
    /// Waits until the transition of `tablet` that began at `begun` has ended, and tells how. It has no deadline:
    /// drop it.
    ///
    /// Called in time, or for a transition that this operator began, it always knows: by the stages it saw, else by
    /// the replicas afterwards.
    ///
    /// # Errors
    ///
    /// [`OperatorError::Missed`] when it had ended long before, [`OperatorError::Stopped`].
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits.
    pub async fn wait_for_end(&self, tablet: TabletId, begun: Epoch) -> Result<Ended, OperatorError> {
        self.store.read_barrier().await?;
        let mut changes = self.store.changes();
        let mut seen = self.remembered(tablet, begun);
        loop {
            let metadata = changes.next().await?.metadata;
            let Some(known) = metadata.tablets.get(&tablet) else {
                return Ok(Ended::TableDropped);
            };
            match &known.transition {
                Some(transition) if transition.begun == begun => seen = Some(Seen::of(transition)),
                // Not begun yet, as far as this copy goes.
                _ if known.epoch < begun => {}
                _ => {
                    let ended = seen.and_then(|seen| seen.ended(begun, known));
                    return ended.ok_or(OperatorError::Missed);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tidegate_tablets::{TableId, TokenRange};

    use super::*;

    fn set(nodes: &[u64]) -> BTreeSet<NodeId> {
        nodes.iter().copied().map(NodeId::new).collect()
    }

    fn tablet(replicas: &[u64], epoch: u64) -> Tablet {
        Tablet {
            table: TableId::new(1),
            range: TokenRange::ALL,
            replicas: set(replicas),
            epoch: Epoch::new(epoch),
            transition: None,
            purge_floor: 0,
        }
    }

    #[test]
    fn replicas_tell_how_it_ended_while_no_other_can_have_completed() {
        let begun = Epoch::new(10);
        let seen = Seen::planned(&set(&[1, 2, 3]), Some(NodeId::new(1)), Some(NodeId::new(4)));
        assert_eq!(seen.ended(begun, &tablet(&[2, 3, 4], 17)), Some(Ended::Completed));
        assert_eq!(
            seen.ended(begun, &tablet(&[1, 2, 3], 13)),
            Some(Ended::RolledBack)
        );
        assert_eq!(seen.ended(begun, &tablet(&[2, 3, 4], 20)), Some(Ended::Completed));
        assert_eq!(
            seen.ended(begun, &tablet(&[2, 3, 4], 21)),
            None,
            "back, and then there after all"
        );
        assert_eq!(
            seen.ended(begun, &tablet(&[2, 3, 5], 17)),
            None,
            "another has completed"
        );
    }

    #[test]
    fn the_last_stage_seen_tells_whatever_came_after() {
        let begun = Epoch::new(10);
        let mut seen = Seen::planned(&set(&[1, 2, 3]), Some(NodeId::new(1)), Some(NodeId::new(4)));
        for (stage, ended) in [
            (Stage::UseNew, Some(Ended::Completed)),
            (Stage::EndMigration, Some(Ended::Completed)),
            (Stage::CleanupTarget, Some(Ended::RolledBack)),
            (Stage::WriteBothReadOldFallback, Some(Ended::RolledBack)),
            (Stage::Streaming, None),
        ] {
            seen.stage = Some(stage);
            assert_eq!(seen.ended(begun, &tablet(&[7, 8, 9], 99)), ended, "{stage}");
        }
    }

    #[test]
    fn a_purge_has_only_one_end() {
        let seen = Seen::planned(&set(&[1, 2, 3]), None, None);
        assert_eq!(
            seen.ended(Epoch::new(1), &tablet(&[1, 2, 3], 99)),
            Some(Ended::Completed)
        );
    }
}
