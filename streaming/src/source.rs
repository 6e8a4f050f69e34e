//! The receiving end of a stream.

mod error;

use std::time::Duration;

use bytes::Bytes;
use tidegate_guard::{Rejected, SharedGuard};
use tidegate_transport::{Duplex, RecvHalf, ResetCode};
use tokio::task::yield_now;
use tokio::time::sleep;

pub use self::error::SourceError;
use crate::checksum::PayloadCrc;
use crate::closed::closed_by_now;
use crate::wire::{self, FromSource, WireError};
use crate::{Batch, Opening, Position, Receipt, StreamingConfig, Throttle};

/// The receiving end of a stream, under a guard.
///
/// It is closed on every path: by [`accept`](Self::accept), which alone is success; by [`abort`](Self::abort); by
/// the first error, which the peer is told; or by being dropped, which resets the stream.
#[derive(Debug)]
pub struct BatchSource {
    /// `None` once it is closed.
    stream: Option<Duplex>,
    guard: SharedGuard,
    config: StreamingConfig,
    throttle: Throttle,
    /// The bytes of the last position, in a buffer that is used again.
    last: Option<Vec<u8>>,
    received: Receipt,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Receiving,
    /// The end has come, and its receipt is the one counted here.
    Ended,
    /// A send was begun and not awaited to its end.
    Torn,
}

impl BatchSource {
    /// Asks the peer of a newly opened stream for what `opening` says, and waits for its answer.
    ///
    /// # Errors
    ///
    /// [`SourceError`], among them [`SourceError::Refused`]; the stream is reset.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, the stream is reset.
    pub async fn open(
        stream: Duplex,
        opening: &Opening,
        guard: SharedGuard,
        config: &StreamingConfig,
        throttle: Throttle,
    ) -> Result<Self, SourceError> {
        let mut source = Self {
            stream: Some(stream),
            guard,
            config: config.clone(),
            throttle,
            last: opening.resume.as_ref().map(|resume| resume.0.to_vec()),
            received: Receipt::default(),
            state: State::Receiving,
        };
        let opened = source.ask(opening).await;
        source.closed_by(opened)?;
        Ok(source)
    }

    /// What was received up to now.
    #[must_use]
    pub fn received(&self) -> Receipt {
        self.received
    }

    /// The next batch, in order and whole; `None` once the peer has sent its receipt and it is the one counted here.
    /// Then make what was staged durable, and call [`accept`](Self::accept).
    ///
    /// Waits end when the session begins to close, when the peer gives up or is lost, or when nothing has come for
    /// [`stall_timeout`](StreamingConfig::stall_timeout).
    ///
    /// # Errors
    ///
    /// [`SourceError`]; the source is closed by it.
    ///
    /// # Cancel safety
    ///
    /// Safe: no batch is lost.
    pub async fn recv(&mut self) -> Result<Option<Batch>, SourceError> {
        Ok(self.recv_with_crc().await?.map(|(batch, _)| batch))
    }

    /// The same, with what was computed to check the batch: who counts it again need not read it again.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// As [`recv`](Self::recv).
    pub(crate) async fn recv_with_crc(&mut self) -> Result<Option<(Batch, PayloadCrc)>, SourceError> {
        if self.state == State::Ended {
            return Ok(None);
        }
        let result = self.next().await;
        self.closed_by(result)
    }

    /// Waits for the throttle, for a batch of `bytes`; tells the peer that it lives, if that takes long.
    ///
    /// # Errors
    ///
    /// [`SourceError`]; the source is closed by it.
    ///
    /// # Cancel safety
    ///
    /// Not safe: dropped before it completes, it may have sent a part of a frame, and later sends fail.
    pub async fn pace(&mut self, bytes: usize) -> Result<(), SourceError> {
        if !self.throttle.is_set() {
            return Ok(());
        }
        let throttle = self.throttle.clone();
        let waiting = throttle.wait(bytes);
        tokio::pin!(waiting);
        loop {
            tokio::select! {
                biased;
                () = self.guard.closing() => {
                    return self.closed_by(Err(Rejected::Closing.into()));
                }
                () = &mut waiting => return Ok(()),
                () = sleep(self.config.stall_timeout / 4) => {
                    let told = self.tell_waiting().await;
                    self.closed_by(told)?;
                }
            }
        }
    }

    /// Waits for the end of the stream's life: completes with an error when the session begins to close, or the peer
    /// gives up or is lost. For those who wait for something else meanwhile, such as an engine.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn broken(&mut self) -> SourceError {
        let error = match &mut self.stream {
            Some(Duplex { send, .. }) => tokio::select! {
                biased;
                () = self.guard.closing() => Rejected::Closing.into(),
                error = send.stopped() => error.into(),
            },
            None => SourceError::Torn,
        };
        self.close(error.cause().reset_code());
        error
    }

    /// Lets the peer know that this end lives and holds back on purpose.
    ///
    /// # Errors
    ///
    /// [`SourceError`].
    async fn tell_waiting(&mut self) -> Result<(), SourceError> {
        let frame = wire::encode_puller_waiting()?;
        self.transfer(frame).await
    }

    /// Tells the peer that all of its batches are durable here. Only after [`recv`](Self::recv) has returned `None`.
    ///
    /// # Errors
    ///
    /// [`SourceError`]; the peer may or may not take its stream for a success, and this end must not.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, the stream is reset.
    pub async fn accept(self) -> Result<Receipt, SourceError> {
        self.accept_and_hold().await.map(|(receipt, _)| receipt)
    }

    /// The same, and keeps what tells whether the connection still lives.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    ///
    /// # Cancel safety
    ///
    /// As [`accept`](Self::accept).
    pub(crate) async fn accept_and_hold(mut self) -> Result<(Receipt, Box<dyn RecvHalf>), SourceError> {
        let result = self.commit().await;
        self.closed_by(result)
    }

    /// Gives the stream up, and tells the peer why.
    pub fn abort(mut self, reason: ResetCode) {
        self.close(reason);
    }

    async fn ask(&mut self, opening: &Opening) -> Result<(), SourceError> {
        if self
            .guard
            .session()
            .is_some_and(|session| session != opening.frozen.session)
        {
            return Err(Rejected::Closed.into());
        }
        self.transfer(wire::encode_opening(opening)?).await?;
        match self.frame(self.config.answer_timeout).await? {
            FromSource::Accepted => Ok(()),
            FromSource::Refused(refusal) => Err(SourceError::Refused(refusal)),
            _ => Err(WireError::OutOfTurn("a batch before the answer").into()),
        }
    }

    async fn next(&mut self) -> Result<Option<(Batch, PayloadCrc)>, SourceError> {
        loop {
            match self.frame(self.config.stall_timeout).await? {
                // Gives others their turn: a source may say this without end.
                FromSource::Waiting => yield_now().await,
                FromSource::Batch { sequence, batch, crc } => {
                    let Position(position) = &batch.last;
                    if sequence != self.received.batches
                        || self.last.as_ref().is_some_and(|last| **last >= **position)
                    {
                        return Err(WireError::OutOfTurn("a batch out of order").into());
                    }
                    self.received.add(batch.rows, &crc);
                    let last = self.last.get_or_insert_default();
                    last.clear();
                    last.extend_from_slice(position);
                    return Ok(Some((batch, crc)));
                }
                FromSource::End(theirs) if theirs == self.received => {
                    self.state = State::Ended;
                    return Ok(None);
                }
                FromSource::End(theirs) => {
                    return Err(SourceError::Receipt {
                        ours: self.received,
                        theirs,
                    });
                }
                FromSource::Accepted | FromSource::Refused(_) => {
                    return Err(WireError::OutOfTurn("a second answer").into());
                }
            }
        }
    }

    /// The next frame, within `waited`. Cancel safe.
    async fn frame(&mut self, waited: Duration) -> Result<FromSource, SourceError> {
        let stream = self.stream.as_mut().ok_or(SourceError::Torn)?;
        let parts = tokio::select! {
            biased;
            () = closed_by_now(&self.guard) => return Err(Rejected::Closing.into()),
            parts = stream.recv.recv_parts() => parts?,
            () = self.guard.closing() => return Err(Rejected::Closing.into()),
            () = async { sleep(waited).await } => return Err(SourceError::Stalled { waited }),
        };
        let parts = parts.ok_or(WireError::OutOfTurn("an end without a receipt"))?;
        Ok(wire::decode_from_source_parts(
            &parts,
            self.config.batch_bytes_max,
        )?)
    }

    async fn commit(&mut self) -> Result<(Receipt, Box<dyn RecvHalf>), SourceError> {
        if self.state != State::Ended {
            return Err(SourceError::Torn);
        }
        self.transfer(wire::encode_receipt_accepted(self.received)?)
            .await?;
        let Some(Duplex { send, recv }) = self.stream.take() else {
            return Err(SourceError::Torn);
        };
        // Only when the peer's transport has taken it, and the peer has not given up before, is it accepted.
        let waited = self.config.stall_timeout;
        tokio::select! {
            biased;
            () = self.guard.closing() => return Err(Rejected::Closing.into()),
            ended = send.finish() => ended?,
            () = sleep(waited) => return Err(SourceError::Stalled { waited }),
        }
        Ok((self.received, recv))
    }

    async fn transfer(&mut self, frame: Bytes) -> Result<(), SourceError> {
        let Some(Duplex { send, .. }) = &mut self.stream else {
            return Err(SourceError::Torn);
        };
        if self.state == State::Torn {
            return Err(SourceError::Torn);
        }
        let before = std::mem::replace(&mut self.state, State::Torn);
        let parts = [frame];
        let waited = self.config.stall_timeout;
        tokio::select! {
            biased;
            () = self.guard.closing() => return Err(Rejected::Closing.into()),
            sent = send.send(&parts) => sent?,
            () = sleep(waited) => return Err(SourceError::Stalled { waited }),
        }
        self.state = before;
        Ok(())
    }

    fn closed_by<T>(&mut self, result: Result<T, SourceError>) -> Result<T, SourceError> {
        if let Err(error) = &result {
            self.close(error.cause().reset_code());
        }
        result
    }

    fn close(&mut self, code: ResetCode) {
        if let Some(Duplex { send, recv }) = self.stream.take() {
            send.reset(code);
            recv.stop(code);
        }
    }
}

#[cfg(test)]
mod tests;
