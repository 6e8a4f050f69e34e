//! What bincode sees of a frame: numbers, and a position borrowed from the frame.

use bincode::{BorrowDecode, Encode};
use tidegate_guard::Rejected;

use crate::{Receipt, Refusal};

#[derive(Encode, BorrowDecode)]
pub(super) struct OpeningHeader<'a> {
    pub(super) version: u16,
    pub(super) unit: u64,
    pub(super) session: u128,
    pub(super) epoch: u64,
    pub(super) resume: Option<&'a [u8]>,
}

#[derive(Encode, BorrowDecode)]
pub(super) struct ReceiptHeader {
    pub(super) batches: u64,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) digest: u32,
}

#[derive(Encode, BorrowDecode)]
pub(super) enum RefusalHeader {
    NotYetOpen(u64),
    Closing,
    Closed,
    NotSource,
    NotMember,
    Busy,
    NotReady,
}

#[derive(Encode, BorrowDecode)]
pub(super) enum SourceHeader<'a> {
    Accepted,
    Refused(RefusalHeader),
    Batch {
        sequence: u64,
        rows: u32,
        payload_len: u64,
        last: &'a [u8],
    },
    Waiting,
    End(ReceiptHeader),
}

#[derive(Encode, BorrowDecode)]
pub(super) enum PullerHeader {
    Waiting,
    ReceiptAccepted(ReceiptHeader),
}

impl From<Receipt> for ReceiptHeader {
    fn from(
        Receipt {
            batches,
            rows,
            bytes,
            digest,
        }: Receipt,
    ) -> Self {
        Self {
            batches,
            rows,
            bytes,
            digest,
        }
    }
}

impl From<ReceiptHeader> for Receipt {
    fn from(
        ReceiptHeader {
            batches,
            rows,
            bytes,
            digest,
        }: ReceiptHeader,
    ) -> Self {
        Self {
            batches,
            rows,
            bytes,
            digest,
        }
    }
}

impl From<Refusal> for RefusalHeader {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Rejected(Rejected::NotYetOpen { applied }) => Self::NotYetOpen(applied),
            Refusal::Rejected(Rejected::Closing) => Self::Closing,
            Refusal::Rejected(Rejected::Closed) => Self::Closed,
            Refusal::NotSource => Self::NotSource,
            Refusal::NotMember => Self::NotMember,
            Refusal::Busy => Self::Busy,
            Refusal::NotReady => Self::NotReady,
        }
    }
}

impl From<RefusalHeader> for Refusal {
    fn from(refusal: RefusalHeader) -> Self {
        match refusal {
            RefusalHeader::NotYetOpen(applied) => Self::Rejected(Rejected::NotYetOpen { applied }),
            RefusalHeader::Closing => Self::Rejected(Rejected::Closing),
            RefusalHeader::Closed => Self::Rejected(Rejected::Closed),
            RefusalHeader::NotSource => Self::NotSource,
            RefusalHeader::NotMember => Self::NotMember,
            RefusalHeader::Busy => Self::Busy,
            RefusalHeader::NotReady => Self::NotReady,
        }
    }
}
