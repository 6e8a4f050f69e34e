//! The one way in which the metadata changes.
//!
//! Pure and deterministic: the same changes in the same order give the same metadata and the same answers on every
//! node, whatever they ask for. Nothing here reads a clock, draws a number or panics.

mod nodes;
mod tables;
mod transitions;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::{Accepted, Change, Metadata, Outcome, Refused, TabletId, TransitionKind, Version};

/// What one change has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The answer.
    pub outcome: Outcome,
    /// The tablets that may differ from before: made, changed or gone, or their node was excluded. Empty when the
    /// change was refused.
    pub touched: BTreeSet<TabletId>,
    /// What has happened to a transition, for whoever counts.
    pub event: Option<TransitionEvent>,
}

/// A transition has begun or has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransitionEvent {
    /// It has begun.
    Begun(TransitionKind),
    /// It has ended, and has done what it was for.
    Completed(TransitionKind),
    /// It has ended by a way back; the replicas are what they were.
    RolledBack(TransitionKind),
}

impl Applied {
    fn done(accepted: Accepted) -> Self {
        Self {
            outcome: Ok(accepted),
            touched: BTreeSet::new(),
            event: None,
        }
    }

    fn touching(accepted: Accepted, touched: impl IntoIterator<Item = TabletId>) -> Self {
        let mut done = Self::done(accepted);
        // Collected, even one would make a list first.
        done.touched.extend(touched);
        done
    }

    fn with(self, event: TransitionEvent) -> Self {
        Self {
            event: Some(event),
            ..self
        }
    }
}

impl Metadata {
    /// Applies one change at `version`, the place of its proposal in the log.
    ///
    /// A change that does not match its tablet's epoch, or makes no sense, is refused and changes nothing: only
    /// [`version`](Self::version) follows the log, whatever the answer. The cost follows the change; only an
    /// exclusion costs its node's tablets, and a dropped table its own.
    pub fn apply(&mut self, version: Version, change: &Change) -> Applied {
        self.version = version;
        match self.decide(change) {
            Ok(applied) => applied,
            Err(refused) => Applied {
                outcome: Err(refused),
                touched: BTreeSet::new(),
                event: None,
            },
        }
    }

    // Each of these looks at everything it can refuse for before it changes anything.
    fn decide(&mut self, change: &Change) -> Result<Applied, Refused> {
        match change {
            Change::AddNode { node } => self.add_node(*node),
            Change::Exclude { node, give_up_quorum } => self.exclude(*node, *give_up_quorum),
            Change::CreateTable { name, replicas } => self.create_table(name, replicas),
            Change::DropTable { table } => self.drop_table(*table),
            Change::Begin {
                tablet,
                expected,
                kind,
                leaving,
                pending,
                purge_floor,
                reason,
            } => self.begin(
                *tablet,
                *expected,
                (*kind, *reason),
                (*leaving, *pending),
                *purge_floor,
            ),
            Change::Advance { tablet, expected, to } => self.advance(*tablet, *expected, *to),
            Change::Cancel { tablet, begun } => self.cancel(*tablet, *begun),
            Change::AllowFewerSources { tablet, expected } => self.allow_fewer_sources(*tablet, *expected),
            Change::SetBalancing { on } => {
                self.balancing = *on;
                Ok(Applied::done(Accepted::Done))
            }
            Change::SetRack { node, rack } => self.set_rack(*node, rack.as_deref()),
            Change::SetAddress { node, address } => self.set_address(*node, address),
            Change::Drain { node } => self.set_draining(*node, true),
            Change::Resume { node } => self.set_draining(*node, false),
            Change::SetPermits { permits } => self.set_permits(*permits),
        }
    }
}
