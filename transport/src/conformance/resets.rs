//! A stream that was not finished never ends cleanly: it fails at the other end, and says why.

use std::pin::pin;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::Verdict;
use super::stage::{
    Stage, Stream, end_is_next, failure_after, fill, finish, frame_is, holds, ok, pattern, poll_and_drop,
    recv, same, send, stalls, within,
};
use crate::{Duplex, ResetCode, StreamError};

const CODES: [ResetCode; 10] = [
    ResetCode::Dropped,
    ResetCode::Aborted,
    ResetCode::SessionClosed,
    ResetCode::UnitGone,
    ResetCode::DiskFull,
    ResetCode::Decode,
    ResetCode::Stalled,
    ResetCode::Shutdown,
    ResetCode::Refused,
    ResetCode::Unknown(70_001),
];

/// Every code, after frames and before any.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_reset_arrives_with_its_code(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    for (count, code) in CODES.into_iter().enumerate() {
        let Stream {
            mut sender,
            mut receiver,
        } = ends.stream().await?;
        for index in 0..count {
            send(&mut sender.send, &pattern(index, 10)).await?;
        }
        sender.send.reset(code);
        let (error, _) = failure_after(&mut receiver.recv, &[10; 10]).await?;
        same("what the receiver sees", &error, &StreamError::Reset(code))?;
    }
    Ok(())
}

/// Every code; a send and a finish after it fail with it.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_stop_arrives_with_its_code(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    for code in CODES {
        let Stream { mut sender, receiver } = ends.stream().await?;
        receiver.recv.stop(code);
        let error = within("the sender hears of the stop", sender.send.stopped()).await?;
        same("what the sender sees", &error, &StreamError::Reset(code))?;
        let sent = within("a send fails", sender.send.send(&[pattern(0, 10)])).await?;
        same("a send after the stop", &sent, &Err(StreamError::Reset(code)))?;
        let finished = within("a finish fails", sender.send.finish()).await?;
        same(
            "a finish after the stop",
            &finished,
            &Err(StreamError::Reset(code)),
        )?;
    }
    Ok(())
}

/// A drop never looks like a clean end.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_dropped_send_half_is_a_reset(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    for count in [0, 3] {
        let Stream {
            mut sender,
            mut receiver,
        } = ends.stream().await?;
        for index in 0..count {
            send(&mut sender.send, &pattern(index, 10)).await?;
        }
        drop(sender.send);
        let (error, _) = failure_after(&mut receiver.recv, &[10; 3]).await?;
        same(
            "what the receiver sees",
            &error,
            &StreamError::Reset(ResetCode::Dropped),
        )?;
    }
    Ok(())
}

/// The sender hears of it, also when it has never read a frame of it.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_dropped_recv_half_is_a_stop(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let Stream { mut sender, receiver } = ends.stream().await?;
    send(&mut sender.send, &pattern(0, 10)).await?;
    drop(receiver.recv);
    let error = within("the sender hears of the drop", sender.send.stopped()).await?;
    same(
        "what the sender sees",
        &error,
        &StreamError::Reset(ResetCode::Dropped),
    )?;
    let sent = within("a send fails", sender.send.send(&[pattern(1, 10)])).await?;
    same(
        "a send after the drop",
        &sent,
        &Err(StreamError::Reset(ResetCode::Dropped)),
    )
}

/// Dropping a half says nothing of the other direction.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_dropped_half_leaves_the_other_direction(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;

    let Stream { sender, mut receiver } = ends.stream().await?;
    let Duplex {
        send: dropped,
        recv: mut back,
    } = sender;
    drop(dropped);
    let (error, _) = failure_after(&mut receiver.recv, &[]).await?;
    same(
        "what the receiver sees",
        &error,
        &StreamError::Reset(ResetCode::Dropped),
    )?;
    send(&mut receiver.send, b"still").await?;
    finish(receiver.send).await?;
    frame_is(&mut back, b"still").await?;
    end_is_next(&mut back).await?;

    let Stream { mut sender, receiver } = ends.stream().await?;
    let Duplex {
        send: mut back,
        recv: dropped,
    } = receiver;
    drop(dropped);
    within("the sender hears of the drop", sender.send.stopped()).await?;
    send(&mut back, b"still").await?;
    finish(back).await?;
    frame_is(&mut sender.recv, b"still").await?;
    end_is_next(&mut sender.recv).await
}

/// The peer sees whole frames, then a reset: never a part, never an end.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_task_aborted_in_mid_send_is_a_reset(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let Stream {
        mut sender,
        mut receiver,
    } = ends.stream().await?;
    let len = ends.sender().limits.frame_max;
    let count = ends.receiver().limits.in_flight_max / len + 2;
    let mut task = tokio::spawn(async move {
        for index in 0..count {
            sender.send.send(&[pattern(index, len)]).await?;
        }
        Ok::<_, StreamError>(sender)
    });
    stalls("a task that sends more than may be in flight", &mut task).await?;
    task.abort();
    let ended = within("the task ends", task).await?;
    holds(
        "the task should be cancelled",
        ended.is_err_and(|error| error.is_cancelled()),
    )?;
    let (error, _) = failure_after(&mut receiver.recv, &vec![len; count]).await?;
    same(
        "what the receiver sees",
        &error,
        &StreamError::Reset(ResetCode::Dropped),
    )
}

/// After a send that was dropped while it waited, nothing but failure comes, at either end.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_dropped_send_leaves_a_stream_that_only_fails(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let Stream {
        mut sender,
        mut receiver,
    } = ends.stream().await?;
    let len = ends.sender().limits.frame_max;
    let whole = fill(&mut sender.send, len, ends.receiver().limits.in_flight_max + len).await?;
    let sent = within("a send fails", sender.send.send(&[Bytes::from_static(b"more")])).await?;
    same("a send after a dropped one", &sent, &Err(StreamError::Malformed))?;
    let finished = within("a finish fails", sender.send.finish()).await?;
    same(
        "a finish after a dropped send",
        &finished,
        &Err(StreamError::Malformed),
    )?;
    let (error, came) = failure_after(&mut receiver.recv, &vec![len; whole]).await?;
    holds("the receiver got more than was sent", came <= whole)?;
    same(
        "what the receiver sees",
        &error,
        &StreamError::Reset(ResetCode::Dropped),
    )
}

/// Whichever it is, the peer knows: an end comes after every frame.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_dropped_finish_is_an_end_or_a_reset(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    for _ in 0..5 {
        let Stream {
            mut sender,
            mut receiver,
        } = ends.stream().await?;
        for index in 0..3 {
            send(&mut sender.send, &pattern(index, 5000)).await?;
        }
        let finished = poll_and_drop(sender.send.finish());
        let mut came = 0;
        let last = loop {
            match recv(&mut receiver.recv).await? {
                Ok(Some(frame)) => {
                    same("a frame", &frame, &pattern(came, 5000))?;
                    came += 1;
                }
                last => break last,
            }
        };
        match last {
            Ok(_) => same("frames before the end", &came, &3)?,
            Err(error) => {
                holds(
                    "a finish succeeded, but the receiver saw no end",
                    finished != Some(Ok(())),
                )?;
                same("the failure", &error, &StreamError::Reset(ResetCode::Dropped))?;
            }
        }
    }
    Ok(())
}

/// `stopped` waits as long as the stream is whole, and may be dropped and asked again.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn stopped_wakes_a_waiting_sender(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let Stream {
        mut sender,
        mut receiver,
    } = ends.stream().await?;
    stalls("stopped", sender.send.stopped()).await?;
    send(&mut sender.send, b"whole").await?;
    frame_is(&mut receiver.recv, b"whole").await?;
    let (asked, is_asked) = oneshot::channel();
    let waiting = tokio::spawn(async move {
        let mut stopped = pin!(sender.send.stopped());
        let mut asked = Some(asked);
        std::future::poll_fn(|context| {
            let polled = stopped.as_mut().poll(context);
            if let Some(asked) = asked.take() {
                // Whoever waits for this is the case itself, which has not ended.
                let _ = asked.send(());
            }
            polled
        })
        .await
    });
    ok("the waiting task", within("the task waits", is_asked).await?)?;
    receiver.recv.stop(ResetCode::DiskFull);
    let error = ok("the waiting task", within("the sender is woken", waiting).await?)?;
    same(
        "what the sender sees",
        &error,
        &StreamError::Reset(ResetCode::DiskFull),
    )
}
