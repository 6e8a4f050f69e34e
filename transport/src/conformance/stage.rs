//! What a case is played on: a pair of transports, and the streams between them.

use std::fmt::{self, Debug};
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Waker};

use bytes::Bytes;
use tokio::time::timeout;

use super::{DEADLINE, End, Limits, MakePair, Pair, STALL, Verdict, Violation, Way, Wish};
use crate::{Duplex, Incoming, RecvHalf, SendHalf, StreamError, Transport};

/// Makes the pairs that a case asks for.
pub struct Stage {
    make: Arc<dyn MakePair>,
    way: Way,
}

impl Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage")
            .field("way", &self.way)
            .finish_non_exhaustive()
    }
}

impl Stage {
    pub(super) fn new(make: Arc<dyn MakePair>, way: Way) -> Self {
        Self { make, way }
    }

    /// A pair with the usual limits.
    pub(super) async fn set_up(&self) -> Ends {
        self.set_up_with(Limits::default(), Limits::default()).await
    }

    /// A pair with these limits at the sending and at the receiving end.
    pub(super) async fn set_up_with(&self, sender: Limits, receiver: Limits) -> Ends {
        let (a, b) = match self.way {
            Way::OpenerSends => (sender, receiver),
            Way::AcceptorSends => (receiver, sender),
        };
        Ends {
            pair: self.make.make(Wish { a, b }).await,
            way: self.way,
        }
    }
}

/// Two transports: `a` of the pair opens the streams.
#[derive(Debug)]
pub(super) struct Ends {
    pair: Pair,
    way: Way,
}

/// Both ends of one stream on which a first frame has passed.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) sender: Duplex,
    pub(super) receiver: Duplex,
}

impl Ends {
    pub(super) fn sender(&self) -> &End {
        match self.way {
            Way::OpenerSends => &self.pair.a,
            Way::AcceptorSends => &self.pair.b,
        }
    }

    pub(super) fn receiver(&self) -> &End {
        match self.way {
            Way::OpenerSends => &self.pair.b,
            Way::AcceptorSends => &self.pair.a,
        }
    }

    /// A stream that `a` opened.
    pub(super) async fn stream(&self) -> Result<Stream, Violation> {
        let (opened, accepted) = open_between(&*self.pair.a.transport, &*self.pair.b.transport).await?;
        Ok(match self.way {
            Way::OpenerSends => Stream {
                sender: opened,
                receiver: accepted,
            },
            Way::AcceptorSends => Stream {
                sender: accepted,
                receiver: opened,
            },
        })
    }
}

/// Opens a stream with a first frame, and accepts it: (opener's end, acceptor's end).
pub(super) async fn open_between(
    opener: &dyn Transport,
    acceptor: &dyn Transport,
) -> Result<(Duplex, Duplex), Violation> {
    let opening = async {
        let mut opened = ok("open", opener.open(acceptor.local()).await)?;
        send(&mut opened.send, b"first").await?;
        Ok(opened)
    };
    let accepting = async {
        let Incoming {
            peer,
            stream: mut accepted,
        } = ok("accept", acceptor.accept().await)?;
        same("who opened the stream", &peer, &opener.local())?;
        frame_is(&mut accepted.recv, b"first").await?;
        Ok(accepted)
    };
    within("a stream is opened and accepted", async {
        tokio::try_join!(opening, accepting)
    })
    .await?
}

/// Waits for what must happen.
pub(super) async fn within<T>(what: &str, future: impl Future<Output = T>) -> Result<T, Violation> {
    let waited = timeout(DEADLINE, future).await;
    waited.map_err(|_| Violation(format!("not within {DEADLINE:?}: {what}")))
}

/// Watches that `future` does not complete for a while; it can be awaited further.
pub(super) async fn stalls<T: Debug>(what: &str, future: impl Future<Output = T>) -> Verdict {
    match timeout(STALL, future).await {
        Err(_) => Ok(()),
        Ok(done) => Err(Violation(format!("{what}: should wait, but came to {done:?}"))),
    }
}

/// Polls once, and drops the future: what a `select!` does to the branch that loses.
pub(super) fn poll_and_drop<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = Box::pin(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        std::task::Poll::Ready(done) => Some(done),
        std::task::Poll::Pending => None,
    }
}

pub(super) fn ok<T, E: Debug>(what: &str, result: Result<T, E>) -> Result<T, Violation> {
    result.map_err(|error| Violation(format!("{what}: should succeed, but failed with {error:?}")))
}

pub(super) fn same<T: PartialEq + Debug>(what: &str, got: &T, wanted: &T) -> Verdict {
    if got == wanted {
        return Ok(());
    }
    // A frame in full would hide the rest.
    Err(Violation(format!(
        "{what}: should be {:.200}, but is {:.200}",
        format!("{wanted:?}"),
        format!("{got:?}")
    )))
}

pub(super) fn holds(what: &str, condition: bool) -> Verdict {
    if condition {
        Ok(())
    } else {
        Err(Violation(what.to_owned()))
    }
}

/// A frame whose every byte tells where it belongs.
pub(super) fn pattern(index: usize, len: usize) -> Bytes {
    (0..len)
        .map(|at| (index.wrapping_mul(31) ^ at.wrapping_mul(7) ^ (at >> 8)).to_le_bytes()[0])
        .collect()
}

pub(super) async fn send(half: &mut Box<dyn SendHalf>, frame: &[u8]) -> Verdict {
    let sent = within("a frame is sent", half.send(&[Bytes::copy_from_slice(frame)])).await?;
    ok("send", sent)
}

pub(super) async fn finish(half: Box<dyn SendHalf>) -> Verdict {
    ok("finish", within("a stream is finished", half.finish()).await?)
}

pub(super) async fn recv(
    half: &mut Box<dyn RecvHalf>,
) -> Result<Result<Option<Bytes>, StreamError>, Violation> {
    within("the receiver hears of a frame, the end or a failure", half.recv()).await
}

/// The next frame is exactly this one.
pub(super) async fn frame_is(half: &mut Box<dyn RecvHalf>, wanted: &[u8]) -> Verdict {
    match recv(half).await? {
        Ok(Some(frame)) if frame == wanted => Ok(()),
        Ok(Some(frame)) => Err(Violation(format!(
            "a frame of {} bytes should be whole and next, but one of {} bytes came that is another",
            wanted.len(),
            frame.len()
        ))),
        other => Err(Violation(format!(
            "a frame of {} bytes should come, but {other:?}",
            wanted.len()
        ))),
    }
}

/// The clean end is next, and stays.
pub(super) async fn end_is_next(half: &mut Box<dyn RecvHalf>) -> Verdict {
    for _ in 0..2 {
        same("the clean end", &recv(half).await?, &Ok(None))?;
    }
    Ok(())
}

/// Reads the frames of [`pattern`] with these lengths until the stream fails; says why, and how many came.
///
/// A clean end is a violation, and so is a frame that is not whole or not next.
pub(super) async fn failure_after(
    half: &mut Box<dyn RecvHalf>,
    lengths: &[usize],
) -> Result<(StreamError, usize), Violation> {
    for came in 0.. {
        match recv(half).await? {
            Ok(Some(frame)) => {
                let wanted = lengths.get(came).map(|len| pattern(came, *len));
                holds(
                    "what came before the failure was not sent so",
                    wanted == Some(frame),
                )?;
            }
            Ok(None) => {
                return Err(Violation(
                    "a stream that was not finished ended cleanly".to_owned(),
                ));
            }
            Err(error) => {
                same("a failure asked for again", &recv(half).await?, &Err(error))?;
                return Ok((error, came));
            }
        }
    }
    Ok((StreamError::Malformed, usize::MAX))
}

/// Sends frames that nobody reads until a send waits, and drops that send; says how many went off before.
pub(super) async fn fill(
    half: &mut Box<dyn SendHalf>,
    len: usize,
    bytes_max: usize,
) -> Result<usize, Violation> {
    for sent in 0..=bytes_max / len + 1 {
        match timeout(STALL, half.send(&[pattern(sent, len)])).await {
            Ok(done) => ok("send", done)?,
            Err(_) => return Ok(sent),
        }
    }
    Err(Violation(format!(
        "more than {bytes_max} bytes are in flight, and a send does not wait"
    )))
}
