//! The contract of a transport.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{PeerId, ResetCode, StreamError, TransportError};

/// The sending half of a stream.
///
/// Frames arrive whole, once, and in order, or the stream fails. Dropping the half resets the stream with
/// [`ResetCode::Dropped`]: a drop never looks like a clean end.
#[async_trait]
pub trait SendHalf: Send + fmt::Debug {
    /// Hands over one frame: the concatenation of `parts`, so that a header can precede a payload uncopied.
    ///
    /// Waits while the peer does not read: what is in flight has a bound. `Ok` means accepted by this end, not
    /// read by the other. A frame without bytes is a frame, and arrives. One over this end's limit resets the stream
    /// with [`ResetCode::Decode`].
    ///
    /// # Errors
    ///
    /// [`StreamError`]; every error is final for the stream.
    ///
    /// # Cancel safety
    ///
    /// Not safe: dropped before it completes, a part of the frame may have been sent, and every later call fails
    /// with [`StreamError::Malformed`]; the half can only be reset or dropped.
    async fn send(&mut self, parts: &[Bytes]) -> Result<(), StreamError>;

    /// Ends this direction cleanly: the peer receives what was sent, then the end. The other direction goes on.
    ///
    /// Returns when the peer's transport has taken everything, so that a shutdown afterwards loses nothing. That
    /// says nothing of the peer's program: who needs to know waits for an answer from it.
    ///
    /// # Errors
    ///
    /// [`StreamError`] if the stream failed before; then it has not ended cleanly.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, the stream is reset or has ended cleanly; the peer knows which.
    async fn finish(self: Box<Self>) -> Result<(), StreamError>;

    /// Cuts the stream short at once; frames on the way may be lost. The peer's receiver gets `code`.
    fn reset(self: Box<Self>, code: ResetCode);

    /// Completes when the peer stops reading (its receiving half was dropped or stopped) or the connection is
    /// lost, and says why. Pending as long as the stream is whole.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    async fn stopped(&mut self) -> StreamError;
}

/// The receiving half of a stream.
///
/// Dropping it before the end stops the peer's sending half with [`ResetCode::Dropped`].
#[async_trait]
pub trait RecvHalf: Send + fmt::Debug {
    /// The next frame; `None` once the peer has ended the stream cleanly, and on every call after.
    ///
    /// A frame over this end's limit is an error, and stops the peer's sending half with [`ResetCode::Decode`].
    ///
    /// # Errors
    ///
    /// [`StreamError`]; every error is final for the stream. A reset may overtake frames that were sent before.
    ///
    /// # Cancel safety
    ///
    /// Safe: dropped before it completes, no frame is lost; the next call goes on where it was.
    async fn recv(&mut self) -> Result<Option<Bytes>, StreamError>;

    /// The next frame as [`recv`](Self::recv) gives it, but in the parts in which it lies in memory: for those who take
    /// a long payload apart from a short header, and want neither copied. Calls of both may alternate.
    ///
    /// The frame is the concatenation of the parts, and nothing else is told: they need not be those that were sent,
    /// and a peer decides where they begin. None is empty, so a frame without bytes has none. Within a process they may
    /// be the sender's own memory, and slices of more of it. A transport whose frames come in one piece leaves this be.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// As [`recv`](Self::recv).
    async fn recv_parts(&mut self) -> Result<Option<Vec<Bytes>>, StreamError> {
        let parts = |frame: Bytes| if frame.is_empty() { Vec::new() } else { vec![frame] };
        Ok(self.recv().await?.map(parts))
    }

    /// Tells the peer's sending half to stop; its calls fail with `code`.
    fn stop(self: Box<Self>, code: ResetCode);
}

/// Both halves of a stream.
#[derive(Debug)]
pub struct Duplex {
    /// To the peer.
    pub send: Box<dyn SendHalf>,
    /// From the peer.
    pub recv: Box<dyn RecvHalf>,
}

/// A stream that a peer opened.
#[derive(Debug)]
pub struct Incoming {
    /// Who opened it, as the transport proved it.
    pub peer: PeerId,
    /// The stream.
    pub stream: Duplex,
}

/// Streams to and from named peers.
///
/// Object-safe, so that a program picks its transport at run time. A node can open streams to itself.
///
/// A stream exists for the peer when its opener has sent a first frame, and counts against what the peer allows
/// until both ends have let go of both halves. One stream that nobody reads holds up no other stream of the same
/// peer.
#[async_trait]
pub trait Transport: Send + Sync + fmt::Debug + 'static {
    /// This end's name.
    fn local(&self) -> PeerId;

    /// Opens a stream, connecting first if need be. Every wait in it has a bound of the transport's own.
    ///
    /// # Errors
    ///
    /// [`TransportError`].
    ///
    /// # Cancel safety
    ///
    /// Safe: a stream that was opened meanwhile is reset.
    async fn open(&self, peer: PeerId) -> Result<Duplex, TransportError>;

    /// The next stream that a peer opened. Several callers each get streams of their own.
    ///
    /// # Errors
    ///
    /// [`TransportError::ShutDown`] only; what goes wrong with one peer is not told here.
    ///
    /// # Cancel safety
    ///
    /// Safe: no stream is lost.
    async fn accept(&self) -> Result<Incoming, TransportError>;

    /// Cuts every connection with a peer now: at both ends all streams of it fail with
    /// [`StreamError::Disconnected`], but for a direction that was finished before: what the receiver's transport has
    /// taken whole may still be read. A later open connects anew. Without a connection it does nothing.
    fn disconnect(&self, peer: PeerId);

    /// Cuts all connections, accepts none, and returns when what it ran has ended.
    ///
    /// # Cancel safety
    ///
    /// Safe: the shutdown goes on; call again to wait.
    async fn shutdown(&self);
}
