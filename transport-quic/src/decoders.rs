//! The decoders of what peers send, for those who feed them any bytes.
//!
//! Each gives what it read, encoded anew, if it could read it.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::{BufMut, Bytes};
use tidegate_transport::StreamError;
use tidegate_transport::buffers::Buffers;
use tidegate_transport_tls::NodeName;
use tokio::io::{AsyncRead, ReadBuf};

use crate::Identity;
use crate::hello::Hello;
use crate::recv::FrameCutter;

/// The hello of a connection.
#[must_use]
pub fn hello(bytes: &[u8]) -> Option<Vec<u8>> {
    let hello = Hello::decode(bytes.try_into().ok()?).ok()?;
    Some(hello.encode().to_vec())
}

/// The node that a certificate names, as the URI that it does so with. Who signed it is another question.
#[must_use]
pub fn certificate(der: &[u8]) -> Option<String> {
    NodeName::of_certificate(der).ok().map(|name| name.to_string())
}

/// The certificates that an identity shows, in DER.
#[must_use]
pub fn certificates(identity: &Identity) -> Vec<Vec<u8>> {
    identity.certificates().map(<[u8]>::to_vec).collect()
}

/// The frames of a stream of which at most so many bytes come at a time, and how it ends for its reader.
pub fn frames(stream: &[u8], frame_max: usize, at_a_time: usize) -> (Vec<Bytes>, Result<(), StreamError>) {
    let mut drip = Drip { stream, at_a_time };
    let mut cutter = FrameCutter::new(frame_max, Buffers::default());
    let mut frames = Vec::new();
    loop {
        match now(cutter.next(&mut drip)) {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return (frames, Ok(())),
            Err(error) => return (frames, Err(error)),
        }
    }
}

/// A stream of frames, as it is sent.
#[must_use]
pub fn stream_of(frames: &[Bytes]) -> Vec<u8> {
    let mut stream = Vec::new();
    for frame in frames {
        // No frame that was read is longer than its header can say.
        stream.put_u32(u32::try_from(frame.len()).unwrap_or(u32::MAX));
        stream.put_slice(frame);
    }
    stream
}

/// Bytes that come a few at a time, and are never waited for.
struct Drip<'a> {
    stream: &'a [u8],
    at_a_time: usize,
}

impl AsyncRead for Drip<'_> {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let drip = self.get_mut();
        let len = drip.stream.len().min(drip.at_a_time.max(1)).min(into.remaining());
        let (come, rest) = drip.stream.split_at(len);
        into.put_slice(come);
        drip.stream = rest;
        Poll::Ready(Ok(()))
    }
}

/// What comes of something that waits for nothing.
fn now<T>(work: impl Future<Output = Result<T, StreamError>>) -> Result<T, StreamError> {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(StreamError::Disconnected),
    }
}
