//! Messages on streams: a request, then a reply, each as long as it has to be.
//!
//! The first frame is the length of the body (`u64`, little-endian) and the header; the body follows in frames of its
//! own, because a snapshot, or a table of many tablets, is longer than any frame may be.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;
use tidegate_transport::service::{ServiceId, open_service};
use tidegate_transport::{PeerId, RecvHalf, SendHalf, StreamError, Transport, TransportError};
use tokio::time::{Instant, timeout, timeout_at};

use crate::codec::CodecError;
use crate::codec::message::{Message, Reply, Request};

/// The service by which nodes keep their log together.
pub const RAFT_SERVICE: ServiceId = ServiceId::new(4);

/// Bytes of a body in one frame.
const PART: usize = 256 << 10;
/// Bytes in the longest body: a snapshot of several million tablets.
pub(crate) const BODY_MAX: u64 = 1 << 30;
/// Bytes in the longest body of a node that may send no snapshot: one append.
pub(crate) const STRANGERS_BODY_MAX: u64 = 16 << 20;
/// Bytes set aside before they have come.
const FIRST_MAX: usize = 1 << 20;

/// Why a message could not be sent or received.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum WireError {
    #[error("the stream failed")]
    Stream(#[from] StreamError),
    #[error("the message breaks the protocol")]
    Protocol,
    #[error("nothing came for too long")]
    Stalled,
}

/// Why a call brought no reply.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum CallError {
    /// Nothing was asked.
    #[error("the call could not be made: {0}")]
    NotMade(TransportError),
    #[error("the call was cut short: {0}")]
    Cut(WireError),
    #[error("no reply within {0:?}")]
    TimedOut(Duration),
    /// Nothing was asked, and never will be.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

pub(crate) async fn send(half: &mut dyn SendHalf, message: &Message) -> Result<(), StreamError> {
    let len = Bytes::copy_from_slice(&(message.body.len() as u64).to_le_bytes());
    half.send(&[len, message.header.clone()]).await?;
    let mut body = message.body.clone();
    while !body.is_empty() {
        let part = body.split_to(PART.min(body.len()));
        half.send(&[part]).await?;
    }
    Ok(())
}

/// The next message; none once the peer has ended the stream. Each frame has to come within `wait`.
pub(crate) async fn receive(
    half: &mut dyn RecvHalf,
    wait: Duration,
    body_max: u64,
) -> Result<Option<Message>, WireError> {
    let Some(mut header) = frame(half, wait).await? else {
        return Ok(None);
    };
    let len = header.try_get_u64_le().map_err(|_| WireError::Protocol)?;
    if len > body_max {
        return Err(WireError::Protocol);
    }
    let len = usize::try_from(len).map_err(|_| WireError::Protocol)?;
    let mut body = BytesMut::with_capacity(len.min(FIRST_MAX));
    while body.len() < len {
        let part = frame(half, wait).await?.ok_or(WireError::Protocol)?;
        if part.is_empty() || part.len() > len - body.len() {
            return Err(WireError::Protocol);
        }
        body.extend_from_slice(&part);
    }
    Ok(Some(Message {
        header,
        body: body.freeze(),
    }))
}

async fn frame(half: &mut dyn RecvHalf, wait: Duration) -> Result<Option<Bytes>, WireError> {
    match timeout(wait, half.recv()).await {
        Ok(frame) => Ok(frame?),
        Err(_) => Err(WireError::Stalled),
    }
}

/// Asks `peer`. The deadline covers the whole call.
///
/// Dropped before it completes, what was asked may be done.
pub(crate) async fn call(
    transport: &dyn Transport,
    peer: PeerId,
    request: &Request,
    deadline: Duration,
) -> Result<Reply, CallError> {
    let request = request.encode()?;
    let asked = async {
        let mut stream = open_service(transport, peer, RAFT_SERVICE)
            .await
            .map_err(CallError::NotMade)?;
        let cut = |error: StreamError| CallError::Cut(error.into());
        send(stream.send.as_mut(), &request).await.map_err(cut)?;
        // The sending half stays open until the reply is there: the peer sees by it that somebody waits.
        let reply = receive(stream.recv.as_mut(), deadline, BODY_MAX)
            .await
            .map_err(CallError::Cut)?;
        // What cannot be read says nothing of what was done.
        let reply = reply.and_then(|reply| Reply::decode(&reply).ok());
        reply.ok_or(CallError::Cut(WireError::Protocol))
    };
    match timeout_at(Instant::now() + deadline, asked).await {
        Ok(reply) => reply,
        Err(_) => Err(CallError::TimedOut(deadline)),
    }
}
