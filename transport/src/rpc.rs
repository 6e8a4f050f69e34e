//! Remote calls: one call is one stream, with a deadline; a request, then answers until the clean end.
//!
//! The caller keeps its half open until it has what it wants. When it lets go (it was dropped, its deadline passed,
//! its node died) the handler's future at the other end is dropped.

mod handler;

use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

pub use self::handler::{Answers, Handler, RpcService};
use crate::service::{ServiceId, open_service};
use crate::{Duplex, PeerId, StreamError, Transport, TransportError};

/// Why a call brought no answer. Unless it never left this node, what was asked may have been done.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RpcError {
    /// No stream could be opened: nothing was asked.
    #[error("the call could not be made")]
    Transport(#[source] TransportError),
    /// The stream failed. [`Reset`](StreamError::Reset) carries the handler's refusal, or the peer's word that it
    /// has no such service.
    #[error("the call was cut short")]
    Stream(#[source] StreamError),
    /// The deadline passed.
    #[error("no answer within {waited:?}")]
    TimedOut {
        /// How long the call waited.
        waited: Duration,
    },
    /// The peer answered more, or fewer, frames than the call has answers.
    #[error("the answer breaks the protocol")]
    Protocol,
}

/// The answers of a call, as they come. Dropping it ends the call.
#[derive(Debug)]
pub struct Reply {
    stream: Duplex,
    begun: Instant,
    deadline: Instant,
}

impl Reply {
    /// The next answer; `None` when the handler has ended well.
    ///
    /// # Errors
    ///
    /// [`RpcError`]; every error is final.
    ///
    /// # Cancel safety
    ///
    /// Safe: no answer is lost.
    pub async fn next(&mut self) -> Result<Option<Bytes>, RpcError> {
        match timeout_at(self.deadline, self.stream.recv.recv()).await {
            Ok(answer) => answer.map_err(RpcError::Stream),
            Err(_) => Err(timed_out(self.begun)),
        }
    }
}

/// Calls `service` of `peer`. The deadline covers the whole call, from here to the last answer.
///
/// # Errors
///
/// [`RpcError`].
///
/// # Cancel safety
///
/// Safe: the call ends, and its handler with it; what the handler did stays.
///
/// # Examples
///
/// ```
/// # use std::{sync::Arc, time::Duration};
/// # use tidegate_transport::{PeerId, Transport, rpc::{self, RpcError}, service::ServiceId};
/// async fn ask(transport: &dyn Transport, peer: PeerId) -> Result<usize, RpcError> {
///     let mut reply = rpc::call(transport, peer, ServiceId::new(7), "all".into(), Duration::from_secs(1)).await?;
///     let mut bytes = 0;
///     while let Some(answer) = reply.next().await? {
///         bytes += answer.len();
///     }
///     Ok(bytes)
/// }
/// ```
pub async fn call(
    transport: &dyn Transport,
    peer: PeerId,
    service: ServiceId,
    request: Bytes,
    deadline: Duration,
) -> Result<Reply, RpcError> {
    let begun = Instant::now();
    #[cfg(tidegate_mutants)]
    let deadline = if tidegate_mutants::on("no-transport-deadline") {
        Duration::from_secs(1 << 30)
    } else {
        deadline
    };
    let deadline = begun + deadline;
    let asked = async {
        let mut stream = open_service(transport, peer, service)
            .await
            .map_err(RpcError::Transport)?;
        stream.send.send(&[request]).await.map_err(RpcError::Stream)?;
        Ok(stream)
    };
    match timeout_at(deadline, asked).await {
        Ok(stream) => Ok(Reply {
            stream: stream?,
            begun,
            deadline,
        }),
        Err(_) => Err(timed_out(begun)),
    }
}

/// Calls `service` of `peer` for exactly one answer.
///
/// # Errors
///
/// [`RpcError`]; [`RpcError::Protocol`] when the peer gave no answer, or more than one.
///
/// # Cancel safety
///
/// Safe: the call ends, and its handler with it; what the handler did stays.
pub async fn call_one(
    transport: &dyn Transport,
    peer: PeerId,
    service: ServiceId,
    request: Bytes,
    deadline: Duration,
) -> Result<Bytes, RpcError> {
    let mut reply = call(transport, peer, service, request, deadline).await?;
    let answer = reply.next().await?.ok_or(RpcError::Protocol)?;
    match reply.next().await? {
        None => Ok(answer),
        Some(_) => Err(RpcError::Protocol),
    }
}

fn timed_out(begun: Instant) -> RpcError {
    RpcError::TimedOut {
        waited: begun.elapsed(),
    }
}
