//! Entries of the log: the same bytes on disk and on the wire.

use std::sync::Arc;

use bincode::{Decode, Encode};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use openraft::EntryPayload;

use super::CodecError;
use super::change::ProposalFrame;
use super::records::{LogIdFrame, MembershipFrame};
use crate::types::{Command, RaftEntry};

#[derive(Debug, Encode, Decode)]
struct EntryFrame {
    log_id: LogIdFrame,
    payload: PayloadFrame,
}

#[derive(Debug, Encode, Decode)]
enum PayloadFrame {
    Blank,
    Proposal(ProposalFrame),
    Membership(MembershipFrame),
}

pub(crate) fn encode(entry: &RaftEntry) -> Result<Bytes, CodecError> {
    super::encode(EntryFrame {
        log_id: LogIdFrame::new(&entry.log_id),
        payload: match &entry.payload {
            EntryPayload::Blank => PayloadFrame::Blank,
            EntryPayload::Normal(command) => PayloadFrame::Proposal(ProposalFrame::new(&command.0)?),
            EntryPayload::Membership(membership) => {
                PayloadFrame::Membership(MembershipFrame::new(membership))
            }
        },
    })
}

pub(crate) fn decode(frame: &[u8]) -> Result<RaftEntry, CodecError> {
    let EntryFrame { log_id, payload } = super::decode("an entry of the log", frame)?;
    Ok(RaftEntry {
        log_id: log_id.open(),
        payload: match payload {
            PayloadFrame::Blank => EntryPayload::Blank,
            PayloadFrame::Proposal(frame) => EntryPayload::Normal(Command(Arc::new(frame.open()?))),
            PayloadFrame::Membership(frame) => EntryPayload::Membership(frame.open()?),
        },
    })
}

/// Entries one after the other, each with its length before it.
pub(crate) fn encode_all(entries: &[RaftEntry]) -> Result<Bytes, CodecError> {
    let mut all = BytesMut::new();
    for entry in entries {
        let frame = encode(entry)?;
        let len = u32::try_from(frame.len()).map_err(|_| CodecError::Unknown("an entry of that length"))?;
        all.put_u32_le(len);
        all.put_slice(&frame);
    }
    Ok(all.freeze())
}

pub(crate) fn decode_all(mut all: &[u8]) -> Result<Vec<RaftEntry>, CodecError> {
    const WHAT: CodecError = CodecError::Malformed("entries of the log");
    let mut entries = Vec::new();
    while !all.is_empty() {
        let len = all.try_get_u32_le().map_err(|_| WHAT)? as usize;
        let (frame, rest) = all.split_at_checked(len).ok_or(WHAT)?;
        entries.push(decode(frame)?);
        all = rest;
    }
    Ok(entries)
}
