//! A transport with one flaw, around the in-memory network.

use std::future;
use std::mem::{self, ManuallyDrop};
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_transport::conformance::{End, Limits, Pair, Wish};
use tidegate_transport::{
    Duplex, Incoming, PeerId, RecvHalf, ResetCode, SendHalf, StreamError, Transport, TransportError,
};
use tidegate_transport_mem::{MemConfig, MemLimits, MemNetwork};
use tokio::sync::Semaphore;
use tokio::task::yield_now;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    Nothing,
    EndsOnDrop,
    EndsOnReset,
    NeverResets,
    ForgetsResetCode,
    ForgetsStopCode,
    StopsNeverArrive,
    SplitsFrames,
    LosesLaterParts,
    RepeatsFrames,
    MakesFramesOfParts,
    SkipsEmptyFrames,
    DeliversTornFrames,
    GoesOnAfterDroppedSend,
    HasNoFrameLimit,
    HasNoBound,
    LosesFrameOfDroppedRecv,
    LosesStreamOfDroppedAccept,
    LeaksStreamOfDroppedOpen,
    DisconnectsNothing,
    ShutsNothingDown,
    EndsWhenDisconnected,
    FinishesEarly,
    AllowsMoreStreams,
    WaitsForEver,
    WaitsForNoStream,
    SharesOneWindow,
    NamesAnotherPeer,
}

/// Two flawed transports that know each other.
pub(crate) fn pair(flaw: Flaw, wish: Wish) -> Pair {
    let network = MemNetwork::new(MemConfig::default());
    let window = Arc::new(Semaphore::new(6));
    let end = |peer: u64, limits: Limits| {
        let inner = network
            .join_with(PeerId::new(peer), limits_with(flaw, limits))
            .unwrap();
        End {
            transport: Arc::new(Flawed {
                inner,
                flaw,
                window: Arc::clone(&window),
            }),
            limits,
        }
    };
    Pair {
        a: end(1, wish.a),
        b: end(2, wish.b),
        keep: Box::new(network.clone()),
    }
}

fn limits_with(flaw: Flaw, limits: Limits) -> MemLimits {
    let mut own = MemLimits {
        frame_max: limits.frame_max,
        frames_in_flight: 64,
        bytes_in_flight: limits.in_flight_max / 2,
        streams_per_peer: limits.streams_per_peer,
        open_wait: limits.open_wait,
    };
    match flaw {
        Flaw::HasNoFrameLimit => own.frame_max *= 2,
        Flaw::HasNoBound => (own.frames_in_flight, own.bytes_in_flight) = (usize::MAX, usize::MAX),
        Flaw::AllowsMoreStreams => own.streams_per_peer *= 2,
        Flaw::WaitsForEver => own.open_wait = Duration::from_secs(86_400),
        Flaw::WaitsForNoStream => own.open_wait = Duration::ZERO,
        _ => {}
    }
    own
}

#[derive(Debug)]
struct Flawed {
    inner: Arc<dyn Transport>,
    flaw: Flaw,
    /// Frames on the way, over all streams.
    window: Arc<Semaphore>,
}

impl Flawed {
    fn wrap(&self, stream: Duplex) -> Duplex {
        let Duplex { send, recv } = stream;
        let window = Arc::clone(&self.window);
        Duplex {
            send: Box::new(FlawedSend {
                inner: Some(send),
                flaw: self.flaw,
                window: Arc::clone(&window),
                half_sent: None,
            }),
            recv: Box::new(FlawedRecv {
                inner: recv,
                flaw: self.flaw,
                window,
            }),
        }
    }
}

#[async_trait]
impl Transport for Flawed {
    fn local(&self) -> PeerId {
        self.inner.local()
    }

    async fn open(&self, peer: PeerId) -> Result<Duplex, TransportError> {
        let stream = self.inner.open(peer).await?;
        if self.flaw == Flaw::LeaksStreamOfDroppedOpen {
            let stream = ManuallyDrop::new(stream);
            yield_now().await;
            return Ok(self.wrap(ManuallyDrop::into_inner(stream)));
        }
        Ok(self.wrap(stream))
    }

    async fn accept(&self) -> Result<Incoming, TransportError> {
        let Incoming { mut peer, stream } = self.inner.accept().await?;
        match self.flaw {
            Flaw::LosesStreamOfDroppedAccept => yield_now().await,
            Flaw::NamesAnotherPeer => peer = self.local(),
            _ => {}
        }
        Ok(Incoming {
            peer,
            stream: self.wrap(stream),
        })
    }

    fn disconnect(&self, peer: PeerId) {
        if self.flaw != Flaw::DisconnectsNothing {
            self.inner.disconnect(peer);
        }
    }

    async fn shutdown(&self) {
        if self.flaw != Flaw::ShutsNothingDown {
            self.inner.shutdown().await;
        }
    }
}

#[derive(Debug)]
struct FlawedSend {
    inner: Option<Box<dyn SendHalf>>,
    flaw: Flaw,
    window: Arc<Semaphore>,
    half_sent: Option<Bytes>,
}

impl FlawedSend {
    fn inner(&mut self) -> &mut Box<dyn SendHalf> {
        self.inner.as_mut().unwrap()
    }

    async fn send_flawed(&mut self, parts: &[Bytes]) -> Result<(), StreamError> {
        let whole = Bytes::from(parts.concat());
        match self.flaw {
            Flaw::SplitsFrames if whole.len() > 4096 => {
                self.inner().send(&[whole.slice(..4096)]).await?;
                self.inner().send(&[whole.slice(4096..)]).await
            }
            Flaw::RepeatsFrames => {
                self.inner().send(std::slice::from_ref(&whole)).await?;
                self.inner().send(&[whole]).await
            }
            Flaw::MakesFramesOfParts => {
                for part in parts {
                    self.inner().send(std::slice::from_ref(part)).await?;
                }
                Ok(())
            }
            Flaw::SkipsEmptyFrames if whole.is_empty() => Ok(()),
            // What waits for the window has begun no send of the network's, which so is none the wiser.
            Flaw::SharesOneWindow | Flaw::GoesOnAfterDroppedSend | Flaw::DeliversTornFrames => {
                self.half_sent = Some(whole.slice(..whole.len() / 2));
                self.window.acquire().await.unwrap().forget();
                self.half_sent = None;
                self.inner().send(&[whole]).await
            }
            _ => self.inner().send(parts).await,
        }
    }
}

#[async_trait]
impl SendHalf for FlawedSend {
    async fn send(&mut self, parts: &[Bytes]) -> Result<(), StreamError> {
        self.send_flawed(parts).await
    }

    async fn finish(mut self: Box<Self>) -> Result<(), StreamError> {
        let inner = self.inner.take().unwrap();
        if self.flaw == Flaw::FinishesEarly {
            tokio::spawn(inner.finish());
            return Ok(());
        }
        inner.finish().await
    }

    fn reset(mut self: Box<Self>, code: ResetCode) {
        let inner = self.inner.take().unwrap();
        match self.flaw {
            Flaw::EndsOnReset => drop(now_or_never(inner.finish())),
            Flaw::ForgetsResetCode => inner.reset(ResetCode::Aborted),
            _ => inner.reset(code),
        }
    }

    async fn stopped(&mut self) -> StreamError {
        if self.flaw == Flaw::StopsNeverArrive {
            future::pending::<()>().await;
        }
        self.inner().stopped().await
    }
}

impl Drop for FlawedSend {
    fn drop(&mut self) {
        match (self.inner.take(), self.flaw) {
            (Some(inner), Flaw::EndsOnDrop) => drop(now_or_never(inner.finish())),
            (Some(inner), Flaw::NeverResets) => mem::forget(inner),
            (Some(mut inner), Flaw::DeliversTornFrames) => {
                if let Some(half) = self.half_sent.take() {
                    now_or_never(inner.send(&[half]));
                    // Not reset, which would overtake what is to be seen.
                    mem::forget(inner);
                }
            }
            (inner, _) => drop(inner),
        }
    }
}

#[derive(Debug)]
struct FlawedRecv {
    inner: Box<dyn RecvHalf>,
    flaw: Flaw,
    window: Arc<Semaphore>,
}

#[async_trait]
impl RecvHalf for FlawedRecv {
    async fn recv(&mut self) -> Result<Option<Bytes>, StreamError> {
        match self.flaw {
            Flaw::LosesFrameOfDroppedRecv => {
                let received = self.inner.recv().await;
                yield_now().await;
                received
            }
            Flaw::EndsWhenDisconnected => match self.inner.recv().await {
                Err(StreamError::Disconnected) => Ok(None),
                other => other,
            },
            Flaw::SharesOneWindow | Flaw::GoesOnAfterDroppedSend | Flaw::DeliversTornFrames => {
                let received = self.inner.recv().await;
                self.window
                    .add_permits(usize::from(matches!(received, Ok(Some(_)))));
                received
            }
            _ => self.inner.recv().await,
        }
    }

    async fn recv_parts(&mut self) -> Result<Option<Vec<Bytes>>, StreamError> {
        let received = self.inner.recv_parts().await;
        match self.flaw {
            Flaw::LosesLaterParts => Ok(received?.map(|parts| parts.into_iter().take(1).collect())),
            _ => received,
        }
    }

    fn stop(self: Box<Self>, code: ResetCode) {
        match self.flaw {
            Flaw::ForgetsStopCode => self.inner.stop(ResetCode::Aborted),
            _ => self.inner.stop(code),
        }
    }
}

fn now_or_never<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = Box::pin(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        std::task::Poll::Ready(done) => Some(done),
        std::task::Poll::Pending => None,
    }
}
