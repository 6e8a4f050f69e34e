//! A bounded in-memory stream that keeps the whole contract: the basis of in-memory networks, and of the streams
//! that any transport gives a node to itself.

mod halves;
mod lane;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use self::halves::{PipeRecv, PipeSend};
use self::lane::{Lane, LaneLimits};
use crate::Duplex;

/// The bounds of one end of a pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PipeConfig {
    /// Bytes in the longest frame that this end sends or takes. Default: 1 MiB.
    pub frame_max: usize,
    /// Frames sent to this end and not yet read. Default: 64.
    pub frames_in_flight: usize,
    /// Bytes sent to this end and not yet read; one frame of any allowed length fits always. Default: 4 MiB.
    pub bytes_in_flight: usize,
}

impl Default for PipeConfig {
    fn default() -> Self {
        Self {
            frame_max: 1 << 20,
            frames_in_flight: 64,
            bytes_in_flight: 4 << 20,
        }
    }
}

/// How long the frames of one direction take to arrive. They never overtake each other.
pub trait Wire: Send + fmt::Debug {
    /// The delay of a frame (or of the end of the stream: no bytes) that is sent now.
    fn delay(&mut self, bytes: usize) -> Duration;
}

/// One end of a pipe before it exists.
#[derive(Debug, Default)]
pub struct PipeEnd {
    /// Its bounds.
    pub config: PipeConfig,
    /// How long what it sends takes; at once without.
    pub wire: Option<Box<dyn Wire>>,
}

/// Both ends of a pipe, and a handle to cut it.
#[derive(Debug)]
pub struct Pipe {
    /// One end.
    pub near: Duplex,
    /// The other.
    pub far: Duplex,
    /// Cuts both directions.
    pub line: Line,
}

/// One of the two ends of a pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// [`Pipe::near`].
    Near,
    /// [`Pipe::far`].
    Far,
}

/// The connection below a pipe. Holding it keeps nothing alive; dropping it changes nothing.
#[derive(Debug, Clone)]
pub struct Line {
    lanes: [Arc<Lane>; 2],
}

impl Line {
    /// Loses the connection: both ends of both directions fail with
    /// [`StreamError::Disconnected`](crate::StreamError::Disconnected), except where the clean end has arrived
    /// already: what the receiver's side has taken whole stays readable.
    pub fn cut(&self) {
        for lane in &self.lanes {
            lane.cut();
        }
    }

    /// Loses the connection for one end, and tells the other nothing: that one takes what is on the way to it, then
    /// waits, and what it sends is taken until no more fits.
    pub fn cut_end(&self, end: End) {
        let [out, back] = &self.lanes;
        let (sends, receives) = match end {
            End::Near => (out, back),
            End::Far => (back, out),
        };
        sends.cut_sender();
        receives.cut_receiver();
    }
}

/// Two ends of a bounded stream between two tasks.
///
/// # Examples
///
/// ```
/// use tidegate_transport::pipe::{PipeConfig, pipe};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tidegate_transport::StreamError> {
/// let (mut near, mut far) = pipe(PipeConfig::default());
/// near.send.send(&["head".into(), "er".into()]).await?;
/// near.send.finish().await?;
/// assert_eq!(far.recv.recv().await?.as_deref(), Some(&b"header"[..]));
/// assert_eq!(far.recv.recv().await?, None);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn pipe(config: PipeConfig) -> (Duplex, Duplex) {
    let Pipe { near, far, line: _ } =
        pipe_between(PipeEnd { config, wire: None }, PipeEnd { config, wire: None });
    (near, far)
}

/// A pipe whose ends differ, or whose frames take time, or that someone else cuts.
#[must_use]
pub fn pipe_between(near: PipeEnd, far: PipeEnd) -> Pipe {
    let out = Arc::new(Lane::new(LaneLimits::between(&near.config, &far.config)));
    let back = Arc::new(Lane::new(LaneLimits::between(&far.config, &near.config)));
    let line = Line {
        lanes: [Arc::clone(&out), Arc::clone(&back)],
    };
    let near = Duplex {
        send: Box::new(PipeSend::new(Arc::clone(&out), near.wire)),
        recv: Box::new(PipeRecv::new(Arc::clone(&back))),
    };
    let far = Duplex {
        send: Box::new(PipeSend::new(back, far.wire)),
        recv: Box::new(PipeRecv::new(out)),
    };
    Pipe { near, far, line }
}
