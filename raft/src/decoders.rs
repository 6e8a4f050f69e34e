//! The decoders of what peers send and the disk holds, for those who feed them any bytes.
//!
//! Each gives what it read, encoded anew, if it could read it.

use bytes::Bytes;

use crate::codec::message::{Message, Reply, Request};
use crate::codec::{answer, entry, records, snapshot};

/// Answers that a snapshot may hold here.
const ANSWERS_MAX: usize = 1024;

/// What a node is asked: a header and a body.
#[must_use]
pub fn request(header: &Bytes, body: &Bytes) -> Option<(Bytes, Bytes)> {
    let request = Request::decode(&message(header, body)).ok()?;
    request.encode().ok().map(parts)
}

/// What it answers: a header and a body.
#[must_use]
pub fn reply(header: &Bytes, body: &Bytes) -> Option<(Bytes, Bytes)> {
    let reply = Reply::decode(&message(header, body)).ok()?;
    reply.encode().ok().map(parts)
}

/// An entry of the log.
#[must_use]
pub fn entry(bytes: &[u8]) -> Option<Bytes> {
    entry::encode(&entry::decode(bytes).ok()?).ok()
}

/// The answer to a proposal.
#[must_use]
pub fn answer(bytes: &[u8]) -> Option<Bytes> {
    answer::encode(&answer::decode(bytes).ok()?).ok()
}

/// A vote.
#[must_use]
pub fn vote(bytes: &[u8]) -> Option<Bytes> {
    records::encode_vote(&records::decode_vote(bytes).ok()?).ok()
}

/// A position in the log, or none.
#[must_use]
pub fn log_id(bytes: &[u8]) -> Option<Bytes> {
    records::encode_log_id(records::decode_log_id(bytes).ok()?.as_ref()).ok()
}

/// Whether it is a snapshot, with what it covers and the whole state; nothing is encoded anew.
#[must_use]
pub fn is_snapshot(bytes: &[u8]) -> bool {
    snapshot::decode_meta(bytes).is_ok() && snapshot::decode(bytes, ANSWERS_MAX).is_ok()
}

fn message(header: &Bytes, body: &Bytes) -> Message {
    Message {
        header: header.clone(),
        body: body.clone(),
    }
}

fn parts(message: Message) -> (Bytes, Bytes) {
    (message.header, message.body)
}
