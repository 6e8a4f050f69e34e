//! A stream that a peer opened and nobody has accepted yet.

use tidegate_guard::{Rejected, SharedGuard};
use tidegate_transport::{Duplex, ResetCode};
use tokio::time::timeout;

use super::{BatchSink, SinkError};
use crate::wire::{self, WireError};
use crate::{Opening, Refusal, StreamingConfig, Throttle};

/// A stream that a peer opened to be sent a unit, and that was neither accepted nor refused. Dropped, it is reset.
#[derive(Debug)]
pub struct PendingSink {
    stream: Duplex,
    opening: Opening,
    config: StreamingConfig,
}

impl PendingSink {
    /// Reads what the peer asks for.
    ///
    /// # Errors
    ///
    /// [`SinkError`]; the stream is reset.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, the stream is reset.
    pub async fn receive(mut stream: Duplex, config: &StreamingConfig) -> Result<Self, SinkError> {
        match read_opening(&mut stream, config).await {
            Ok(opening) => Ok(Self {
                stream,
                opening,
                config: config.clone(),
            }),
            Err(error) => {
                reset(stream, error.cause().reset_code());
                Err(error)
            }
        }
    }

    /// What the peer asks for.
    #[must_use]
    pub fn opening(&self) -> &Opening {
        &self.opening
    }

    /// Completes when the peer gives the stream up.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn abandoned(&mut self) -> SinkError {
        tokio::select! {
            biased;
            frame = self.stream.recv.recv() => match frame {
                Ok(_) => WireError::OutOfTurn("a frame before the answer").into(),
                Err(error) => error.into(),
            },
            error = self.stream.send.stopped() => error.into(),
        }
    }

    /// Tells the peer that this end does not take part.
    ///
    /// # Errors
    ///
    /// [`SinkError`] if the peer did not take the answer.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, the stream is reset.
    pub async fn refuse(self, refusal: Refusal) -> Result<(), SinkError> {
        let Duplex { mut send, recv } = self.stream;
        let frame = wire::encode_refused(refusal)?;
        let waited = self.config.stall_timeout;
        let answer = async move {
            send.send(&[frame]).await?;
            send.finish().await
        };
        let answered = timeout(waited, answer).await;
        recv.stop(ResetCode::Refused);
        answered
            .map_err(|_| SinkError::Stalled { waited })?
            .map_err(SinkError::from)
    }

    /// Gives the stream up, and tells the peer why.
    pub fn abort(self, reason: ResetCode) {
        reset(self.stream, reason);
    }

    /// Tells the peer that batches follow, and gives the end to send them by, under `guard`.
    ///
    /// # Errors
    ///
    /// [`SinkError`]; the stream is reset. [`Rejected::Closed`] for a guard of another session than the peer named.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, the stream is reset.
    pub async fn accept(self, guard: SharedGuard, throttle: Throttle) -> Result<BatchSink, SinkError> {
        let wanted = self.opening.frozen.session;
        let other = guard.session().is_some_and(|session| session != wanted);
        let mut sink = BatchSink::new(self.stream, guard, self.config, throttle);
        let answered = async {
            if other {
                return Err(Rejected::Closed.into());
            }
            let frame = wire::encode_accepted()?;
            sink.transfer(&[frame]).await
        };
        let answered = answered.await;
        sink.closed_by(answered)?;
        Ok(sink)
    }
}

async fn read_opening(stream: &mut Duplex, config: &StreamingConfig) -> Result<Opening, SinkError> {
    let waited = config.opening_timeout;
    let frame = timeout(waited, stream.recv.recv())
        .await
        .map_err(|_| SinkError::Stalled { waited })??;
    let frame = frame.ok_or(WireError::OutOfTurn("an end before the opening"))?;
    Ok(wire::decode_opening(&frame)?)
}

fn reset(Duplex { send, recv }: Duplex, code: ResetCode) {
    send.reset(code);
    recv.stop(code);
}
