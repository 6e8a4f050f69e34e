//! Proposals.

use bincode::{Decode, Encode};
use bytes::Bytes;
use tidegate_tablets::{Change, Epoch, NodeId, Proposal, RequestId, TableId, TabletId};

use super::CodecError;
use super::member::AddressFrame;
use super::permits::PermitsFrame;
use super::tablet::{kind_number, kind_of, nodes, numbers, reason_number, reason_of, stage_number, stage_of};

#[derive(Debug, Encode, Decode)]
pub(super) struct ProposalFrame {
    request: u128,
    changes: Vec<ChangeFrame>,
}

#[derive(Debug, Encode, Decode)]
enum ChangeFrame {
    AddNode {
        node: u64,
    },
    Exclude {
        node: u64,
        give_up_quorum: bool,
    },
    CreateTable {
        name: String,
        replicas: Vec<Vec<u64>>,
    },
    DropTable {
        table: u64,
    },
    Begin {
        tablet: u64,
        expected: u64,
        kind: u8,
        leaving: Option<u64>,
        pending: Option<u64>,
        purge_floor: u64,
        reason: u8,
    },
    Advance {
        tablet: u64,
        expected: u64,
        to: Option<u8>,
    },
    Cancel {
        tablet: u64,
        begun: u64,
    },
    AllowFewerSources {
        tablet: u64,
        expected: u64,
    },
    SetBalancing {
        on: bool,
    },
    SetRack {
        node: u64,
        rack: Option<String>,
    },
    Drain {
        node: u64,
    },
    Resume {
        node: u64,
    },
    SetPermits {
        permits: PermitsFrame,
    },
    SetAddress {
        node: u64,
        address: AddressFrame,
    },
}

pub(crate) fn encode(proposal: &Proposal) -> Result<Bytes, CodecError> {
    super::encode(ProposalFrame::new(proposal)?)
}

pub(crate) fn decode(frame: &[u8]) -> Result<Proposal, CodecError> {
    super::decode::<ProposalFrame>("a proposal", frame)?.open()
}

impl ProposalFrame {
    pub(super) fn new(proposal: &Proposal) -> Result<Self, CodecError> {
        Ok(Self {
            request: proposal.request.0,
            changes: proposal
                .changes
                .iter()
                .map(ChangeFrame::new)
                .collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn open(self) -> Result<Proposal, CodecError> {
        Ok(Proposal {
            request: RequestId(self.request),
            changes: self
                .changes
                .into_iter()
                .map(ChangeFrame::open)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl ChangeFrame {
    fn new(change: &Change) -> Result<Self, CodecError> {
        Ok(match change {
            Change::AddNode { node } => Self::AddNode { node: node.as_u64() },
            Change::Exclude { node, give_up_quorum } => Self::Exclude {
                node: node.as_u64(),
                give_up_quorum: *give_up_quorum,
            },
            Change::CreateTable { name, replicas } => Self::CreateTable {
                name: name.clone(),
                replicas: replicas.iter().map(numbers).collect(),
            },
            Change::DropTable { table } => Self::DropTable {
                table: table.as_u64(),
            },
            Change::Begin {
                tablet,
                expected,
                kind,
                leaving,
                pending,
                purge_floor,
                reason,
            } => Self::Begin {
                tablet: tablet.as_u64(),
                expected: expected.as_u64(),
                kind: kind_number(*kind),
                leaving: leaving.map(NodeId::as_u64),
                pending: pending.map(NodeId::as_u64),
                purge_floor: *purge_floor,
                reason: reason_number(*reason),
            },
            Change::Advance { tablet, expected, to } => Self::Advance {
                tablet: tablet.as_u64(),
                expected: expected.as_u64(),
                to: to.map(stage_number),
            },
            Change::Cancel { tablet, begun } => Self::Cancel {
                tablet: tablet.as_u64(),
                begun: begun.as_u64(),
            },
            Change::AllowFewerSources { tablet, expected } => Self::AllowFewerSources {
                tablet: tablet.as_u64(),
                expected: expected.as_u64(),
            },
            Change::SetBalancing { on } => Self::SetBalancing { on: *on },
            Change::SetRack { node, rack } => Self::SetRack {
                node: node.as_u64(),
                rack: rack.clone(),
            },
            Change::Drain { node } => Self::Drain { node: node.as_u64() },
            Change::Resume { node } => Self::Resume { node: node.as_u64() },
            Change::SetPermits { permits } => Self::SetPermits {
                permits: PermitsFrame::new(*permits),
            },
            Change::SetAddress { node, address } => Self::SetAddress {
                node: node.as_u64(),
                address: AddressFrame::new(address),
            },
            _ => return Err(CodecError::Unknown("a change of that kind")),
        })
    }

    fn open(self) -> Result<Change, CodecError> {
        Ok(match self {
            Self::AddNode { node } => Change::AddNode {
                node: NodeId::new(node),
            },
            Self::Exclude { node, give_up_quorum } => Change::Exclude {
                node: NodeId::new(node),
                give_up_quorum,
            },
            Self::CreateTable { name, replicas } => Change::CreateTable {
                name,
                replicas: replicas.into_iter().map(nodes).collect(),
            },
            Self::DropTable { table } => Change::DropTable {
                table: TableId::new(table),
            },
            Self::Begin {
                tablet,
                expected,
                kind,
                leaving,
                pending,
                purge_floor,
                reason,
            } => Change::Begin {
                tablet: TabletId::new(tablet),
                expected: Epoch::new(expected),
                kind: kind_of(kind)?,
                leaving: leaving.map(NodeId::new),
                pending: pending.map(NodeId::new),
                purge_floor,
                reason: reason_of(reason)?,
            },
            Self::Advance { tablet, expected, to } => Change::Advance {
                tablet: TabletId::new(tablet),
                expected: Epoch::new(expected),
                to: to.map(stage_of).transpose()?,
            },
            Self::Cancel { tablet, begun } => Change::Cancel {
                tablet: TabletId::new(tablet),
                begun: Epoch::new(begun),
            },
            Self::AllowFewerSources { tablet, expected } => Change::AllowFewerSources {
                tablet: TabletId::new(tablet),
                expected: Epoch::new(expected),
            },
            Self::SetBalancing { on } => Change::SetBalancing { on },
            Self::SetRack { node, rack } => Change::SetRack {
                node: NodeId::new(node),
                rack,
            },
            Self::Drain { node } => Change::Drain {
                node: NodeId::new(node),
            },
            Self::Resume { node } => Change::Resume {
                node: NodeId::new(node),
            },
            Self::SetPermits { permits } => Change::SetPermits {
                permits: permits.open(),
            },
            Self::SetAddress { node, address } => Change::SetAddress {
                node: NodeId::new(node),
                address: address.open(),
            },
        })
    }
}
