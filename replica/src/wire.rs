//! The frames of the control service.
//!
//! The one place where this crate names bincode. A frame is decoded within a limit and to its last byte.

use std::time::Duration;

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use bincode::{Decode, Encode};
use bytes::Bytes;
use thiserror::Error;
use tidegate_coordinator::{BarrierError, BarrierRequest, Operation, OperationError, OperationKind};
use tidegate_guard::{FrozenGuard, Rejected, SessionId};
use tidegate_tablets::{Epoch, TabletId, Version};

/// The most memory that decoding one frame may take, in bytes.
const LIMIT: usize = 1 << 20;

const CONFIG: Configuration<LittleEndian, Fixint, Limit<LIMIT>> = bincode::config::standard()
    .with_fixed_int_encoding()
    .with_limit::<LIMIT>();

/// Answers in one frame at most, and bytes of text in them after which another frame is begun: far below [`LIMIT`].
const REPLIES_MAX: usize = 1024;
const TEXT_MAX: usize = 256 << 10;
/// Bytes of one reason.
const REASON_MAX: usize = 4 << 10;

/// A frame that is no frame of this service: stop talking to that peer.
#[derive(Debug, Error)]
#[error("not a frame of the control service")]
pub(crate) struct NotAFrame;

/// What a node is asked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Barrier(BarrierRequest),
    Operate(Operation),
}

#[derive(Encode, Decode)]
enum RequestFrame {
    Barrier {
        tablets: Vec<(u64, u64)>,
        min_version: u64,
        deadline_ms: u64,
    },
    Operate {
        kind: Kind,
        tablet: u64,
        session: u128,
        epoch: u64,
        min_version: u64,
        deadline_ms: u64,
    },
}

#[derive(Encode, Decode)]
enum Kind {
    Stream,
    Cleanup,
    Fill,
    Purge,
}

/// An answer for one tablet of a barrier.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BarrierReply {
    pub(crate) tablet: TabletId,
    pub(crate) epoch: Epoch,
    pub(crate) result: Result<(), BarrierError>,
}

#[derive(Encode, Decode)]
struct BarrierFrame {
    tablet: u64,
    epoch: u64,
    result: BarrierResult,
}

#[derive(Encode, Decode)]
enum BarrierResult {
    Done,
    Behind { applied: u64 },
    Held { holders: Vec<String> },
    Superseded { actual: u64 },
    Failed { reason: String },
}

#[derive(Encode, Decode)]
enum OperationFrame {
    Done,
    Running,
    NotYetOpen { applied: u64 },
    Closing,
    Closed,
    Mismatch,
    Failed { reason: String },
    Hopeless { reason: String },
    NotReady,
}

pub(crate) fn encode_request(request: &Request) -> Result<Bytes, NotAFrame> {
    encode(match request {
        Request::Barrier(request) => RequestFrame::Barrier {
            tablets: request
                .tablets
                .iter()
                .map(|(t, e)| (t.as_u64(), e.as_u64()))
                .collect(),
            min_version: request.min_version.as_u64(),
            deadline_ms: millis(request.deadline),
        },
        Request::Operate(operation) => RequestFrame::Operate {
            kind: match operation.kind {
                OperationKind::Stream => Kind::Stream,
                OperationKind::Cleanup => Kind::Cleanup,
                OperationKind::Fill => Kind::Fill,
                OperationKind::Purge => Kind::Purge,
            },
            tablet: operation.tablet.as_u64(),
            session: operation.frozen.session.as_u128(),
            epoch: operation.frozen.epoch,
            min_version: operation.min_version.as_u64(),
            deadline_ms: millis(operation.deadline),
        },
    })
}

pub(crate) fn decode_request(frame: &[u8]) -> Result<Request, NotAFrame> {
    Ok(match decode(frame)? {
        RequestFrame::Barrier {
            tablets,
            min_version,
            deadline_ms,
        } => Request::Barrier(BarrierRequest {
            tablets: tablets
                .into_iter()
                .map(|(t, e)| (TabletId::new(t), Epoch::new(e)))
                .collect(),
            min_version: Version::new(min_version),
            deadline: Duration::from_millis(deadline_ms),
        }),
        RequestFrame::Operate {
            kind,
            tablet,
            session,
            epoch,
            min_version,
            deadline_ms,
        } => {
            Request::Operate(Operation {
                kind: match kind {
                    Kind::Stream => OperationKind::Stream,
                    Kind::Cleanup => OperationKind::Cleanup,
                    Kind::Fill => OperationKind::Fill,
                    Kind::Purge => OperationKind::Purge,
                },
                tablet: TabletId::new(tablet),
                // A nil session is an error, never a default.
                frozen: FrozenGuard {
                    session: SessionId::from_u128(session).map_err(|_| NotAFrame)?,
                    epoch,
                },
                min_version: Version::new(min_version),
                deadline: Duration::from_millis(deadline_ms),
            })
        }
    })
}

/// The frames that carry some answers, in their order; none for none.
pub(crate) fn encode_barrier(replies: &[BarrierReply]) -> Result<Vec<Bytes>, NotAFrame> {
    let (mut frames, mut text) = (Vec::new(), 0);
    let mut frame = Vec::with_capacity(replies.len().min(REPLIES_MAX));
    for reply in replies {
        if frame.len() >= REPLIES_MAX || text >= TEXT_MAX {
            frames.push(encode(std::mem::take(&mut frame))?);
            text = 0;
        }
        text += match &reply.result {
            Err(BarrierError::Held { holders }) => holders.iter().map(String::len).sum(),
            Err(BarrierError::Failed(reason)) => reason.len(),
            _ => 0,
        };
        frame.push(barrier_frame(reply));
    }
    if !frame.is_empty() {
        frames.push(encode(frame)?);
    }
    Ok(frames)
}

fn barrier_frame(reply: &BarrierReply) -> BarrierFrame {
    BarrierFrame {
        tablet: reply.tablet.as_u64(),
        epoch: reply.epoch.as_u64(),
        result: match &reply.result {
            Ok(()) => BarrierResult::Done,
            Err(BarrierError::Behind { applied }) => BarrierResult::Behind {
                applied: applied.as_u64(),
            },
            Err(BarrierError::Held { holders }) => BarrierResult::Held {
                holders: holders.clone(),
            },
            Err(BarrierError::Superseded { actual }) => BarrierResult::Superseded {
                actual: actual.as_u64(),
            },
            Err(error) => BarrierResult::Failed {
                reason: error_reason(error),
            },
        },
    }
}

/// The answers in one frame; never none.
pub(crate) fn decode_barrier(frame: &[u8]) -> Result<Vec<BarrierReply>, NotAFrame> {
    let replies: Vec<BarrierFrame> = decode(frame)?;
    if replies.is_empty() {
        return Err(NotAFrame);
    }
    Ok(replies.into_iter().map(barrier_reply).collect())
}

fn barrier_reply(reply: BarrierFrame) -> BarrierReply {
    let BarrierFrame {
        tablet,
        epoch,
        result,
    } = reply;
    let result = match result {
        BarrierResult::Done => Ok(()),
        BarrierResult::Behind { applied } => Err(BarrierError::Behind {
            applied: Version::new(applied),
        }),
        BarrierResult::Held { holders } => Err(BarrierError::Held { holders }),
        BarrierResult::Superseded { actual } => Err(BarrierError::Superseded {
            actual: Epoch::new(actual),
        }),
        BarrierResult::Failed { reason } => Err(BarrierError::Failed(reason)),
    };
    BarrierReply {
        tablet: TabletId::new(tablet),
        epoch: Epoch::new(epoch),
        result,
    }
}

pub(crate) fn encode_operation(result: &Result<(), OperationError>) -> Result<Bytes, NotAFrame> {
    encode(match result {
        Ok(()) => OperationFrame::Done,
        Err(OperationError::Running) => OperationFrame::Running,
        Err(OperationError::Rejected(Rejected::NotYetOpen { applied })) => {
            OperationFrame::NotYetOpen { applied: *applied }
        }
        Err(OperationError::Rejected(Rejected::Closing)) => OperationFrame::Closing,
        Err(OperationError::Rejected(Rejected::Closed)) => OperationFrame::Closed,
        Err(OperationError::Mismatch(_)) => OperationFrame::Mismatch,
        Err(OperationError::Hopeless(reason)) => OperationFrame::Hopeless {
            reason: reason.clone(),
        },
        Err(OperationError::NotReady) => OperationFrame::NotReady,
        Err(OperationError::Failed(reason)) => OperationFrame::Failed {
            reason: reason.clone(),
        },
        Err(error) => OperationFrame::Failed {
            reason: error.to_string(),
        },
    })
}

pub(crate) fn decode_operation(frame: &[u8]) -> Result<Result<(), OperationError>, NotAFrame> {
    Ok(match decode(frame)? {
        OperationFrame::Done => Ok(()),
        OperationFrame::Running => Err(OperationError::Running),
        OperationFrame::NotYetOpen { applied } => {
            Err(OperationError::Rejected(Rejected::NotYetOpen { applied }))
        }
        OperationFrame::Closing => Err(OperationError::Rejected(Rejected::Closing)),
        OperationFrame::Closed => Err(OperationError::Rejected(Rejected::Closed)),
        OperationFrame::Mismatch => Err(OperationError::Mismatch("another session, stage or part")),
        OperationFrame::Failed { reason } => Err(OperationError::Failed(reason)),
        OperationFrame::Hopeless { reason } => Err(OperationError::Hopeless(reason)),
        OperationFrame::NotReady => Err(OperationError::NotReady),
    })
}

fn error_reason(error: &BarrierError) -> String {
    match error {
        BarrierError::Failed(reason) => cut(reason).to_owned(),
        other => other.to_string(),
    }
}

/// The beginning of a text that may be of any length: a frame has other answers too.
fn cut(reason: &str) -> &str {
    let mut len = reason.len().min(REASON_MAX);
    while !reason.is_char_boundary(len) {
        len -= 1;
    }
    &reason[..len]
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn encode(frame: impl Encode) -> Result<Bytes, NotAFrame> {
    bincode::encode_to_vec(frame, CONFIG)
        .map(Bytes::from)
        .map_err(|_| NotAFrame)
}

fn decode<T: Decode<()>>(frame: &[u8]) -> Result<T, NotAFrame> {
    match bincode::decode_from_slice(frame, CONFIG) {
        Ok((value, consumed)) if consumed == frame.len() => Ok(value),
        _ => Err(NotAFrame),
    }
}

#[cfg(test)]
mod tests;
