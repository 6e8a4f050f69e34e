//! The sending end of a stream.

mod error;
mod pending;

use bytes::{Bytes, BytesMut};
use tidegate_guard::{Rejected, SharedGuard};
use tidegate_transport::{Duplex, ResetCode, StreamError};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, sleep_until, timeout};

pub use self::error::SinkError;
pub use self::pending::PendingSink;
use crate::closed::closed_by_now;
use crate::meters::{self, BytesMeter};
use crate::opening::UNKNOWN_REASON;
use crate::wire::{self, FromPuller, WireError};
use crate::{Batch, Receipt, StreamingConfig, Throttle};

/// The sending end of a stream, under a guard.
///
/// It is closed on every path: by [`finish`](Self::finish), which alone is success; by [`abort`](Self::abort); by
/// the first error, which the peer is told; or by being dropped, which resets the stream.
#[derive(Debug)]
pub struct BatchSink {
    /// `None` once it is closed.
    stream: Option<Duplex>,
    guard: SharedGuard,
    config: StreamingConfig,
    throttle: Throttle,
    sent: Receipt,
    /// Whether a send was begun and not awaited to its end.
    torn: bool,
    meter: BytesMeter,
    /// Room for the headers of batches.
    headers: BytesMut,
}

impl BatchSink {
    /// The sending end of a stream that its peer opened and this end accepted; see [`PendingSink`].
    fn new(stream: Duplex, guard: SharedGuard, config: StreamingConfig, throttle: Throttle) -> Self {
        Self {
            stream: Some(stream),
            guard,
            config,
            throttle,
            sent: Receipt::default(),
            torn: false,
            meter: meters::sent(UNKNOWN_REASON),
            headers: BytesMut::new(),
        }
    }

    /// Counts what is sent as sent for that reason.
    pub(crate) fn because(&mut self, reason: &'static str) {
        self.meter = meters::sent(reason);
    }

    /// What was handed over up to now.
    #[must_use]
    pub fn sent(&self) -> Receipt {
        self.sent
    }

    /// Hands one batch over, at the pace of the throttle and of the peer.
    ///
    /// Checks the guard once, after the throttle's wait and right before the batch is sent. Every wait ends when the
    /// session begins to close, when the peer stops or is lost, or when nothing has moved for
    /// [`stall_timeout`](StreamingConfig::stall_timeout).
    ///
    /// # Errors
    ///
    /// [`SinkError`]; the sink is closed by it.
    ///
    /// # Cancel safety
    ///
    /// Not safe: dropped before it completes it may have sent a part of the batch, and every later call fails with
    /// [`SinkError::Torn`].
    pub async fn send(&mut self, batch: &Batch) -> Result<(), SinkError> {
        let result = self.send_batch(batch).await;
        self.closed_by(result)
    }

    /// Waits for the end of the stream's life: completes with an error when the session begins to close, or the
    /// peer stops or is lost. For those who wait for something else meanwhile, such as the next batch.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn broken(&mut self) -> SinkError {
        let error = match &mut self.stream {
            Some(Duplex { send, recv }) => loop {
                tokio::select! {
                    biased;
                    () = self.guard.closing() => break SinkError::Rejected(Rejected::Closing),
                    frame = recv.recv() => if let Err(error) = heard(frame).await { break error },
                    error = send.stopped() => break SinkError::Stream(error),
                }
            },
            None => return SinkError::Torn,
        };
        self.close(error.cause().reset_code());
        error
    }

    /// Sends the receipt, waits until the peer has made all durable and accepted it, and compares.
    ///
    /// # Errors
    ///
    /// [`SinkError`]; nothing counts as carried.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, the stream is reset. The peer may have accepted nevertheless: it has everything
    /// then.
    pub async fn finish(mut self) -> Result<Receipt, SinkError> {
        let result = self.commit().await;
        let receipt = self.closed_by(result)?;
        // The outcome is known, and the guard goes with this end. The halves stay for as long as the peer's attach may
        // take: they are how it knows that the connection lives.
        if let Some(Duplex { mut send, mut recv }) = self.stream.take() {
            let held = self.config.engine_timeout;
            tokio::spawn(async move {
                let ending = async {
                    drop(recv.recv().await);
                    send.stopped().await
                };
                if timeout(held, ending).await.is_err() {
                    // Not reset: the peer may still be pulling from its other sources, and has lost nothing here.
                    drop(timeout(held, send.finish()).await);
                }
            });
        }
        Ok(receipt)
    }

    /// Gives the stream up, and tells the peer why.
    pub fn abort(mut self, reason: ResetCode) {
        self.close(reason);
    }

    async fn send_batch(&mut self, batch: &Batch) -> Result<(), SinkError> {
        let (len, max) = (batch.payload.len(), self.config.batch_bytes_max);
        if len > max {
            return Err(WireError::TooLarge {
                what: "a batch",
                len,
                max,
            }
            .into());
        }
        self.pace(len).await?;
        let (header, crc) = wire::encode_batch(self.sent.batches, batch, &mut self.headers)?;
        self.guard.check()?;
        self.transfer(&[header, batch.payload.clone()]).await?;
        self.sent.add(batch.rows, &crc);
        self.meter.add(len);
        Ok(())
    }

    /// Waits for the throttle, and lets the peer know that it does.
    async fn pace(&mut self, bytes: usize) -> Result<(), SinkError> {
        if !self.throttle.is_set() {
            return Ok(());
        }
        let throttle = self.throttle.clone();
        let waiting = throttle.wait(bytes);
        tokio::pin!(waiting);
        loop {
            let stream = self.stream.as_mut().ok_or(SinkError::Torn)?;
            tokio::select! {
                biased;
                () = self.guard.closing() => return Err(Rejected::Closing.into()),
                () = &mut waiting => return Ok(()),
                frame = stream.recv.recv() => heard(frame).await?,
                () = sleep(self.config.stall_timeout / 4) => self.transfer(&[wire::encode_source_waiting()?]).await?,
            }
        }
    }

    /// Sends one frame.
    async fn transfer(&mut self, parts: &[Bytes]) -> Result<(), SinkError> {
        if self.torn {
            return Err(SinkError::Torn);
        }
        let Duplex { send, recv } = self.stream.as_mut().ok_or(SinkError::Torn)?;
        self.torn = true;
        let waited = self.config.stall_timeout;
        let sending = send.send(parts);
        tokio::pin!(sending);
        loop {
            tokio::select! {
                biased;
                () = closed_by_now(&self.guard) => return Err(Rejected::Closing.into()),
                sent = &mut sending => {
                    sent?;
                    break;
                }
                () = self.guard.closing() => return Err(Rejected::Closing.into()),
                // Counts as movement: the wait begins anew.
                frame = recv.recv() => heard(frame).await?,
                () = async { sleep(waited).await } => return Err(SinkError::Stalled { waited }),
            }
        }
        self.torn = false;
        Ok(())
    }

    async fn commit(&mut self) -> Result<Receipt, SinkError> {
        self.transfer(&[wire::encode_end(self.sent)?]).await?;
        let deadline = Instant::now() + self.config.receipt_timeout;
        let stream = self.stream.as_mut().ok_or(SinkError::Torn)?;
        let theirs = loop {
            let frame = tokio::select! {
                biased;
                () = self.guard.closing() => return Err(Rejected::Closing.into()),
                // Before the frames: a peer that never stops to say that it waits is given up all the same.
                () = sleep_until(deadline) => {
                    return Err(SinkError::Stalled { waited: self.config.receipt_timeout });
                }
                frame = stream.recv.recv() => frame,
            };
            let frame = frame?.ok_or(WireError::OutOfTurn("an end without an accepted receipt"))?;
            match wire::decode_from_puller(&frame)? {
                FromPuller::Waiting => yield_now().await,
                FromPuller::ReceiptAccepted(receipt) => break receipt,
            }
        };
        if theirs == self.sent {
            Ok(theirs)
        } else {
            Err(SinkError::Receipt {
                ours: self.sent,
                theirs,
            })
        }
    }

    fn closed_by<T>(&mut self, result: Result<T, SinkError>) -> Result<T, SinkError> {
        if let Err(error) = &result {
            if let SinkError::Rejected(rejected) = error {
                meters::rejected("send", *rejected);
            }
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

/// What a peer may say before the receipt: that it lives and holds back on purpose. As it may say so without end, others
/// have their turn after each.
async fn heard(frame: Result<Option<Bytes>, StreamError>) -> Result<(), SinkError> {
    let frame = frame?.ok_or(WireError::OutOfTurn("an end before the receipt"))?;
    match wire::decode_from_puller(&frame)? {
        FromPuller::Waiting => {
            yield_now().await;
            Ok(())
        }
        FromPuller::ReceiptAccepted(_) => Err(WireError::OutOfTurn("a receipt before the end").into()),
    }
}

#[cfg(test)]
mod tests;
