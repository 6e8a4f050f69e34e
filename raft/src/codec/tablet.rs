//! Tablets and their transitions, and the numbers of stages, kinds and reasons.

use std::collections::BTreeSet;

use bincode::{Decode, Encode};
use tidegate_tablets::{
    Epoch, NodeId, Reason, Stage, TableId, Tablet, TabletId, Token, TokenRange, Transition, TransitionKind,
};

use super::CodecError;

#[derive(Debug, Encode, Decode)]
pub(super) struct TabletFrame {
    id: u64,
    table: u64,
    first: u64,
    last: u64,
    replicas: Vec<u64>,
    epoch: u64,
    transition: Option<TransitionFrame>,
    purge_floor: u64,
}

#[derive(Debug, Encode, Decode)]
struct TransitionFrame {
    kind: u8,
    reason: u8,
    stage: u8,
    begun: u64,
    old: Vec<u64>,
    new: Vec<u64>,
    /// The epoch that wrote the session: with the tablet's number it makes the id.
    session: Option<u64>,
    purge_floor: u64,
    fewer_sources: bool,
}

impl TabletFrame {
    pub(super) fn new(id: TabletId, tablet: &Tablet) -> Self {
        Self {
            id: id.as_u64(),
            table: tablet.table.as_u64(),
            first: tablet.range.first.0,
            last: tablet.range.last.0,
            replicas: numbers(&tablet.replicas),
            epoch: tablet.epoch.as_u64(),
            transition: tablet.transition.as_ref().map(TransitionFrame::new),
            purge_floor: tablet.purge_floor,
        }
    }

    pub(super) fn open(self) -> Result<(TabletId, Tablet), CodecError> {
        let id = TabletId::new(self.id);
        let transition = self.transition.map(|frame| frame.open(id)).transpose()?;
        let tablet = Tablet {
            table: TableId::new(self.table),
            range: TokenRange {
                first: Token(self.first),
                last: Token(self.last),
            },
            replicas: nodes(self.replicas),
            epoch: Epoch::new(self.epoch),
            transition,
            purge_floor: self.purge_floor,
        };
        Ok((id, tablet))
    }
}

impl TransitionFrame {
    fn new(transition: &Transition) -> Self {
        Self {
            kind: kind_number(transition.kind),
            reason: reason_number(transition.reason),
            stage: stage_number(transition.stage),
            begun: transition.begun.as_u64(),
            old: numbers(&transition.old),
            new: numbers(&transition.new),
            session: transition.session.map(|(_, epoch)| epoch.as_u64()),
            purge_floor: transition.purge_floor,
            fewer_sources: transition.fewer_sources,
        }
    }

    fn open(self, tablet: TabletId) -> Result<Transition, CodecError> {
        let session = self.session.map(Epoch::new);
        Ok(Transition {
            kind: kind_of(self.kind)?,
            reason: reason_of(self.reason)?,
            stage: stage_of(self.stage)?,
            begun: Epoch::new(self.begun),
            old: nodes(self.old),
            new: nodes(self.new),
            session: session.map(|epoch| (tablet.session_at(epoch), epoch)),
            purge_floor: self.purge_floor,
            fewer_sources: self.fewer_sources,
        })
    }
}

pub(super) fn numbers(nodes: &BTreeSet<NodeId>) -> Vec<u64> {
    nodes.iter().map(|node| node.as_u64()).collect()
}

pub(super) fn nodes(numbers: Vec<u64>) -> BTreeSet<NodeId> {
    numbers.into_iter().map(NodeId::new).collect()
}

const KINDS: [(TransitionKind, u8); 3] = [
    (TransitionKind::Migration, 0),
    (TransitionKind::Rebuild, 1),
    (TransitionKind::Purge, 2),
];

pub(super) const fn kind_number(kind: TransitionKind) -> u8 {
    match kind {
        TransitionKind::Migration => 0,
        TransitionKind::Rebuild => 1,
        TransitionKind::Purge => 2,
    }
}

pub(super) fn kind_of(number: u8) -> Result<TransitionKind, CodecError> {
    let found = KINDS.iter().find(|(_, other)| *other == number);
    found
        .map(|(kind, _)| *kind)
        .ok_or(CodecError::Malformed("a kind of transition"))
}

/// Written down one by one: the order of the variants is their urgency, and may change.
pub(super) const fn reason_number(reason: Reason) -> u8 {
    match reason {
        Reason::Operator => 0,
        Reason::Rebuild => 1,
        Reason::Drain => 2,
        Reason::Balance => 3,
    }
}

pub(super) fn reason_of(number: u8) -> Result<Reason, CodecError> {
    Reason::ALL
        .into_iter()
        .find(|reason| reason_number(*reason) == number)
        .ok_or(CodecError::Malformed("a reason"))
}

/// Written down one by one: the order of the variants has no meaning.
pub(super) const fn stage_number(stage: Stage) -> u8 {
    match stage {
        Stage::AllowWriteBothReadOld => 0,
        Stage::WriteBothReadOld => 1,
        Stage::Streaming => 2,
        Stage::WriteBothReadNew => 3,
        Stage::UseNew => 4,
        Stage::Cleanup => 5,
        Stage::EndMigration => 6,
        Stage::CleanupTarget => 7,
        Stage::RevertMigration => 8,
        Stage::WriteBothReadOldFallback => 9,
        Stage::Fill => 10,
        Stage::Purge => 11,
        Stage::EndPurge => 12,
    }
}

pub(super) fn stage_of(number: u8) -> Result<Stage, CodecError> {
    Stage::ALL
        .into_iter()
        .find(|stage| stage_number(*stage) == number)
        .ok_or(CodecError::Malformed("a stage"))
}
