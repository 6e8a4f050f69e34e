//! The halves of a stream in the network: those of a pipe, counted, announced to the acceptor, lost by the dice, and
//! not heard where the link is silent.

use std::sync::{Arc, Weak};

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_transport::{Duplex, Incoming, PeerId, RecvHalf, ResetCode, SendHalf, StreamError};

use crate::dice::Dice;
use crate::network::Shared;
use crate::node::Node;
use crate::voice::Voice;

/// One end of a stream.
#[derive(Debug)]
pub(crate) struct MemEnd {
    pub(crate) pipe: Duplex,
    pub(crate) fate: Fate,
    pub(crate) voice: Voice,
}

impl MemEnd {
    /// The end as its user sees it; what it sends first makes `announcement`.
    pub(crate) fn into_stream(self, announcement: Option<Announcement>) -> Duplex {
        let Self { pipe, fate, voice } = self;
        Duplex {
            send: Box::new(MemSend {
                inner: Some(pipe.send),
                announcement,
                fate,
                voice: voice.clone(),
                unheard: Unheard::default(),
            }),
            recv: Box::new(MemRecv {
                inner: Some(pipe.recv),
                voice,
            }),
        }
    }
}

/// The acceptor's end of a stream that its opener has not yet sent on.
#[derive(Debug)]
pub(crate) struct Announcement {
    pub(crate) node: Arc<Node>,
    pub(crate) from: PeerId,
    pub(crate) end: MemEnd,
}

/// Whether the connection survives the next frame.
#[derive(Debug)]
pub(crate) struct Fate {
    pub(crate) dice: Dice,
    pub(crate) network: Weak<Shared>,
    pub(crate) ends: (PeerId, PeerId),
}

impl Fate {
    fn strike(&mut self) {
        if self.dice.loses_connection()
            && let Some(network) = self.network.upgrade()
        {
            network.cut(self.ends.0, self.ends.1, None);
        }
    }
}

fn announce(announcement: Option<Announcement>) {
    if let Some(Announcement { node, from, end }) = announcement {
        node.announce(Incoming {
            peer: from,
            stream: end.into_stream(None),
        });
    }
}

/// What was sent and not heard: it fills the window, and never leaves it.
#[derive(Debug, Default)]
struct Unheard {
    frames: usize,
    bytes: usize,
}

#[derive(Debug)]
struct MemSend {
    /// Taken by what consumes the half.
    inner: Option<Box<dyn SendHalf>>,
    announcement: Option<Announcement>,
    fate: Fate,
    voice: Voice,
    unheard: Unheard,
}

impl MemSend {
    /// Takes a frame that nobody will hear, or waits where the window is full.
    async fn send_unheard(&mut self, len: usize) -> Result<(), StreamError> {
        let max = self.voice.frame_max;
        if len > max {
            return Err(StreamError::FrameTooLarge { len, max });
        }
        let Unheard { frames, bytes } = &mut self.unheard;
        let window = self.voice.window;
        let has_room =
            *frames == 0 || (*frames < window.frames_in_flight && *bytes + len <= window.bytes_in_flight);
        *frames += 1;
        *bytes += len;
        let told = self.stopped();
        if !has_room {
            return Err(told.await);
        }
        tokio::select! {
            biased;
            error = told => Err(error),
            () = std::future::ready(()) => Ok(()),
        }
    }
}

#[async_trait]
impl SendHalf for MemSend {
    async fn send(&mut self, parts: &[Bytes]) -> Result<(), StreamError> {
        self.fate.strike();
        if self.voice.is_lost() {
            return self.send_unheard(parts.iter().map(Bytes::len).sum()).await;
        }
        if let Some(inner) = &mut self.inner {
            inner.send(parts).await?;
        }
        announce(self.announcement.take());
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<(), StreamError> {
        self.fate.strike();
        if self.voice.is_lost() {
            return Err(self.stopped().await);
        }
        announce(self.announcement.take());
        match self.inner.take() {
            Some(inner) => inner.finish().await,
            None => Ok(()),
        }
    }

    fn reset(mut self: Box<Self>, code: ResetCode) {
        if !self.voice.is_lost()
            && let Some(inner) = self.inner.take()
        {
            inner.reset(code);
        }
    }

    async fn stopped(&mut self) -> StreamError {
        match &mut self.inner {
            Some(inner) => inner.stopped().await,
            None => std::future::pending().await,
        }
    }
}

impl Drop for MemSend {
    fn drop(&mut self) {
        if !self.voice.is_lost() {
            return;
        }
        if let Some(inner) = self.inner.take() {
            self.voice.keep_send(inner);
        }
        if let Some(Announcement { end, .. }) = self.announcement.take() {
            self.voice.keep_send(end.pipe.send);
            self.voice.keep_recv(end.pipe.recv);
        }
    }
}

#[derive(Debug)]
struct MemRecv {
    /// Taken by what consumes the half.
    inner: Option<Box<dyn RecvHalf>>,
    voice: Voice,
}

#[async_trait]
impl RecvHalf for MemRecv {
    async fn recv(&mut self) -> Result<Option<Bytes>, StreamError> {
        match &mut self.inner {
            Some(inner) => inner.recv().await,
            None => Ok(None),
        }
    }

    async fn recv_parts(&mut self) -> Result<Option<Vec<Bytes>>, StreamError> {
        match &mut self.inner {
            Some(inner) => inner.recv_parts().await,
            None => Ok(None),
        }
    }

    fn stop(mut self: Box<Self>, code: ResetCode) {
        if !self.voice.is_lost()
            && let Some(inner) = self.inner.take()
        {
            inner.stop(code);
        }
    }
}

impl Drop for MemRecv {
    fn drop(&mut self) {
        if let Some(inner) = self.inner.take()
            && self.voice.is_lost()
        {
            self.voice.keep_recv(inner);
        }
    }
}
