//! The decoders of what peers send, for those who feed them any bytes.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use tidegate_transport::buffers::Buffers;
use tidegate_transport::{Duplex, RecvHalf};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::driver::{Driver, Event, Terms};
use crate::hello::{Hello, NoHello, Welcome};
use crate::stream::StreamBounds;

/// The hello of a connection, encoded anew, if it could be read.
#[must_use]
pub fn hello(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let hello = now(Hello::read(&mut bytes))?;
    bytes.is_empty().then(|| hello.encode().to_vec())
}

/// The answer to a hello, encoded anew, if it could be read.
#[must_use]
pub fn welcome(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let welcome = now(Welcome::read(&mut bytes))?;
    bytes.is_empty().then(|| welcome.encode().to_vec())
}

/// What comes of something that waits for nothing.
fn now<T>(work: impl Future<Output = Result<T, NoHello>>) -> Option<T> {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result.ok(),
        Poll::Pending => None,
    }
}

/// Feeds the end that accepts with what comes after the hello, at most so many bytes at a time, and gives the frames
/// that the readers of its streams got.
///
/// # Cancel safety
///
/// Safe.
pub async fn streams(bytes: &[u8], at_a_time: usize, frame_max: usize) -> Vec<Bytes> {
    let terms = Terms {
        bounds: StreamBounds {
            frame_max,
            send_buffer: 1024,
            window: 64 << 10,
            finish_deadline: Duration::from_secs(1),
        },
        peer_window: 64 << 10,
        idle_timeout: Duration::from_secs(9),
        accepts: true,
    };
    let mut driver = Driver::new(Drip { bytes, at_a_time }, terms, Buffers::default());
    let mut reader: Option<Box<dyn RecvHalf>> = None;
    let mut frames = Vec::new();
    loop {
        tokio::select! {
            biased;
            frame = next(&mut reader) => frames.extend(frame),
            event = driver.next() => match event {
                Ok(Event::Begun { stream: Duplex { send, recv }, .. }) => {
                    drop(send);
                    reader = Some(recv);
                }
                Ok(Event::Over) => {}
                Err(_) => break,
            },
        }
    }
    drop(driver);
    // A direction that had ended may still be read.
    while reader.is_some() {
        frames.extend(next(&mut reader).await);
    }
    frames
}

/// The reader's next frame; at the end of its stream, it goes. Never, where there is none.
async fn next(reader: &mut Option<Box<dyn RecvHalf>>) -> Option<Bytes> {
    let Some(open) = reader else {
        return std::future::pending().await;
    };
    let frame = open.recv().await.ok().flatten();
    if frame.is_none() {
        *reader = None;
    }
    frame
}

/// Bytes that come a few at a time, and then the end; what is said to it is taken and forgotten.
#[derive(Debug)]
struct Drip<'a> {
    bytes: &'a [u8],
    at_a_time: usize,
}

impl AsyncRead for Drip<'_> {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let drip = self.get_mut();
        let len = drip.bytes.len().min(drip.at_a_time.max(1)).min(into.remaining());
        let (come, rest) = drip.bytes.split_at(len);
        into.put_slice(come);
        drip.bytes = rest;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Drip<'_> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
