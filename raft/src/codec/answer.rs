//! Answers to proposals.

use bincode::{Decode, Encode};
use bytes::Bytes;
use tidegate_tablets::{Accepted, Answer, Epoch, NodeId, Outcome, Refused, TableId, TabletId, Version};

use super::CodecError;
use super::tablet::{stage_number, stage_of};

#[derive(Debug, Encode, Decode)]
pub(super) struct AnswerFrame {
    version: u64,
    outcomes: Vec<OutcomeFrame>,
}

#[derive(Debug, Encode, Decode)]
enum OutcomeFrame {
    Done,
    Table(u64),
    Epoch(u64),
    OtherEpoch(u64),
    NoTablet(u64),
    NoTable(u64),
    NoNode(u64),
    NodeExists(u64),
    InTransition(u64),
    NoTransition(u64),
    NoEdge(u8),
    TooLate(u8),
    Invalid(String),
    Quorum(u64),
    BalancingOff,
    TableExists(u64),
}

pub(crate) fn encode(answer: &Answer) -> Result<Bytes, CodecError> {
    super::encode(AnswerFrame::new(answer))
}

pub(crate) fn decode(frame: &[u8]) -> Result<Answer, CodecError> {
    super::decode::<AnswerFrame>("an answer", frame)?.open()
}

impl AnswerFrame {
    pub(super) fn new(answer: &Answer) -> Self {
        Self {
            version: answer.version.as_u64(),
            outcomes: answer.outcomes.iter().map(OutcomeFrame::new).collect(),
        }
    }

    pub(super) fn open(self) -> Result<Answer, CodecError> {
        Ok(Answer {
            version: Version::new(self.version),
            outcomes: self
                .outcomes
                .into_iter()
                .map(OutcomeFrame::open)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl OutcomeFrame {
    fn new(outcome: &Outcome) -> Self {
        match outcome {
            Ok(Accepted::Done) => Self::Done,
            Ok(Accepted::Table(table)) => Self::Table(table.as_u64()),
            Ok(Accepted::Epoch(epoch)) => Self::Epoch(epoch.as_u64()),
            Err(Refused::Epoch { actual }) => Self::OtherEpoch(actual.as_u64()),
            Err(Refused::NoTablet(tablet)) => Self::NoTablet(tablet.as_u64()),
            Err(Refused::NoTable(table)) => Self::NoTable(table.as_u64()),
            Err(Refused::NoNode(node)) => Self::NoNode(node.as_u64()),
            Err(Refused::NodeExists(node)) => Self::NodeExists(node.as_u64()),
            Err(Refused::InTransition(tablet)) => Self::InTransition(tablet.as_u64()),
            Err(Refused::NoTransition(tablet)) => Self::NoTransition(tablet.as_u64()),
            Err(Refused::NoEdge { from }) => Self::NoEdge(stage_number(*from)),
            Err(Refused::TooLate { stage }) => Self::TooLate(stage_number(*stage)),
            Err(Refused::Invalid(why)) => Self::Invalid(why.clone().into_owned()),
            Err(Refused::Quorum(tablet)) => Self::Quorum(tablet.as_u64()),
            Err(Refused::BalancingOff) => Self::BalancingOff,
            Err(Refused::TableExists(table)) => Self::TableExists(table.as_u64()),
            // A refusal that came after this version is still a refusal, with its reason.
            Err(other) => Self::Invalid(other.to_string()),
        }
    }

    fn open(self) -> Result<Outcome, CodecError> {
        Ok(match self {
            Self::Done => Ok(Accepted::Done),
            Self::Table(table) => Ok(Accepted::Table(TableId::new(table))),
            Self::Epoch(epoch) => Ok(Accepted::Epoch(Epoch::new(epoch))),
            Self::OtherEpoch(actual) => Err(Refused::Epoch {
                actual: Epoch::new(actual),
            }),
            Self::NoTablet(tablet) => Err(Refused::NoTablet(TabletId::new(tablet))),
            Self::NoTable(table) => Err(Refused::NoTable(TableId::new(table))),
            Self::NoNode(node) => Err(Refused::NoNode(NodeId::new(node))),
            Self::NodeExists(node) => Err(Refused::NodeExists(NodeId::new(node))),
            Self::InTransition(tablet) => Err(Refused::InTransition(TabletId::new(tablet))),
            Self::NoTransition(tablet) => Err(Refused::NoTransition(TabletId::new(tablet))),
            Self::NoEdge(from) => Err(Refused::NoEdge {
                from: stage_of(from)?,
            }),
            Self::TooLate(stage) => Err(Refused::TooLate {
                stage: stage_of(stage)?,
            }),
            Self::Invalid(why) => Err(Refused::Invalid(why.into())),
            Self::Quorum(tablet) => Err(Refused::Quorum(TabletId::new(tablet))),
            Self::BalancingOff => Err(Refused::BalancingOff),
            Self::TableExists(table) => Err(Refused::TableExists(TableId::new(table))),
        })
    }
}
