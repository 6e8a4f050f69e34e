//! The answering side of a call.

use std::fmt;
use std::future;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::timeout;
use tracing::debug;

use crate::service::Service;
use crate::{Duplex, PeerId, RecvHalf, ResetCode, SendHalf, StreamError};

/// What [`RpcService::new`] gives a caller.
const CALLER_WAIT: Duration = Duration::from_secs(10);

/// Answers calls.
#[async_trait]
pub trait Handler: Send + Sync + fmt::Debug + 'static {
    /// Answers `request`: `Ok` ends the answers cleanly, an error resets them with its code.
    ///
    /// # Errors
    ///
    /// The [`ResetCode`] that the caller is to see.
    ///
    /// # Cancel safety
    ///
    /// Must be safe to drop at any await: it is dropped when the caller goes away. What must not be abandoned runs
    /// in a task of its own.
    async fn handle(&self, peer: PeerId, request: Bytes, answers: &mut Answers) -> Result<(), ResetCode>;
}

/// Where a handler puts its answers.
#[derive(Debug)]
pub struct Answers {
    send: Box<dyn SendHalf>,
    caller_wait: Duration,
}

impl Answers {
    /// Sends one answer; waits while the caller does not read, for as long as its service gives callers.
    ///
    /// # Errors
    ///
    /// [`StreamError`] when the caller is gone, or [stalled](ResetCode::Stalled); final.
    ///
    /// # Cancel safety
    ///
    /// Not safe: dropped before it completes, no further answer can be sent.
    pub async fn send(&mut self, answer: Bytes) -> Result<(), StreamError> {
        let sent = timeout(self.caller_wait, self.send.send(&[answer])).await;
        sent.unwrap_or(Err(StreamError::Reset(ResetCode::Stalled)))
    }
}

/// So that a handler can pass on, with `?`, that its caller is gone.
impl From<StreamError> for ResetCode {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Reset(code) => code,
            StreamError::FrameTooLarge { .. } | StreamError::Malformed => Self::Decode,
            StreamError::Disconnected => Self::Aborted,
        }
    }
}

/// A service that reads one request per stream and hands it to a handler.
#[derive(Debug)]
pub struct RpcService<H> {
    handler: H,
    caller_wait: Duration,
}

impl<H: Handler> RpcService<H> {
    /// The service of `handler`, which gives callers 10 s.
    #[must_use]
    pub const fn new(handler: H) -> Self {
        Self {
            handler,
            caller_wait: CALLER_WAIT,
        }
    }

    /// How long a caller may take from its hello to its request, to make room for an answer, and to take the end of
    /// them. One that nothing is heard of any more holds up its stream for so long.
    #[must_use]
    pub fn with_caller_wait(self, caller_wait: Duration) -> Self {
        Self { caller_wait, ..self }
    }
}

#[async_trait]
impl<H: Handler> Service for RpcService<H> {
    async fn serve(&self, peer: PeerId, stream: Duplex) {
        let Duplex { send, mut recv } = stream;
        let caller_wait = self.caller_wait;
        let mut answers = Answers { send, caller_wait };
        let Ok(Ok(Some(request))) = timeout(caller_wait, recv.recv()).await else {
            debug!(%peer, "a call ended before its request");
            return;
        };
        let handled = tokio::select! {
            biased;
            code = abandoned(recv.as_mut()) => Err(code),
            handled = self.handler.handle(peer, request, &mut answers) => handled,
        };
        match handled {
            Ok(()) => {
                let finished = timeout(caller_wait, answers.send.finish()).await;
                debug!(%peer, ?finished, "a call was answered");
            }
            Err(code) => answers.send.reset(code),
        }
    }
}

/// Completes when the caller has let go of the call, or says what it may not.
async fn abandoned(recv: &mut dyn RecvHalf) -> ResetCode {
    match recv.recv().await {
        Ok(Some(_)) => ResetCode::Decode,
        // Ended cleanly: a caller that has nothing more to say, and still listens.
        Ok(None) => future::pending().await,
        Err(_) => ResetCode::Aborted,
    }
}
