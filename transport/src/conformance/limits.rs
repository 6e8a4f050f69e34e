//! Bounds: the longest frame, at both ends, and what is in flight.

use std::pin::pin;

use bytes::Bytes;

use super::stage::{
    Stage, Stream, end_is_next, failure_after, finish, frame_is, holds, ok, pattern, recv, same, send,
    stalls, within,
};
use super::{Limits, Verdict};
use crate::{ResetCode, StreamError};

/// The limit itself is allowed, in one part and in two.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_frame_at_the_limit_arrives(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let Stream {
        mut sender,
        mut receiver,
    } = ends.stream().await?;
    let frame = pattern(3, ends.sender().limits.frame_max);
    let halves = [frame.slice(..frame.len() / 2), frame.slice(frame.len() / 2..)];
    let sending = async {
        send(&mut sender.send, &frame).await?;
        ok("send", sender.send.send(&halves).await)
    };
    let receiving = async {
        frame_is(&mut receiver.recv, &frame).await?;
        frame_is(&mut receiver.recv, &frame).await
    };
    within("two frames pass", async { tokio::try_join!(sending, receiving) }).await??;
    Ok(())
}

/// One byte more is refused where it is sent, and the stream is reset.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_frame_over_the_limit_is_refused_by_its_sender(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let Stream {
        mut sender,
        mut receiver,
    } = ends.stream().await?;
    let max = ends.sender().limits.frame_max;
    let parts = [pattern(0, max), Bytes::from_static(b"x")];
    let sent = within("the frame is refused", sender.send.send(&parts)).await?;
    same(
        "a frame over the limit",
        &sent,
        &Err(StreamError::FrameTooLarge { len: max + 1, max }),
    )?;
    let after = within("a send after it", sender.send.send(&[Bytes::new()])).await?;
    holds("a send after a failed one succeeded", after.is_err())?;
    let (error, _) = failure_after(&mut receiver.recv, &[]).await?;
    same(
        "what the receiver sees",
        &error,
        &StreamError::Reset(ResetCode::Decode),
    )
}

/// A receiver that takes less than the sender may send refuses it, and stops the sender.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_frame_over_the_limit_is_refused_by_its_receiver(stage: Stage) -> Verdict {
    let small = Limits {
        frame_max: 1000,
        ..Limits::default()
    };
    let ends = stage.set_up_with(Limits::default(), small).await;
    let max = ends.receiver().limits.frame_max;
    holds(
        "the pair is not made as wished: the receiver takes too much",
        max < ends.sender().limits.frame_max,
    )?;
    let Stream {
        mut sender,
        mut receiver,
    } = ends.stream().await?;
    send(&mut sender.send, &pattern(0, max)).await?;
    send(&mut sender.send, &pattern(1, max + 1)).await?;
    frame_is(&mut receiver.recv, &pattern(0, max)).await?;
    let refused = Err(StreamError::FrameTooLarge { len: max + 1, max });
    same(
        "a frame over the limit",
        &recv(&mut receiver.recv).await?,
        &refused,
    )?;
    same("asked again", &recv(&mut receiver.recv).await?, &refused)?;
    let stopped = within("the sender hears of it", sender.send.stopped()).await?;
    same(
        "what the sender hears",
        &stopped,
        &StreamError::Reset(ResetCode::Decode),
    )
}

/// What is in flight has a bound; a waiting sender goes on when the peer reads, and nothing is lost.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_sender_waits_while_nobody_reads(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let Stream {
        mut sender,
        mut receiver,
    } = ends.stream().await?;
    let len = ends.sender().limits.frame_max / 4;
    let count = ends.receiver().limits.in_flight_max / len + 2;
    let mut sending = pin!(async move {
        for index in 0..count {
            ok("send", sender.send.send(&[pattern(index, len)]).await)?;
        }
        finish(sender.send).await
    });
    stalls("more bytes than may be in flight", &mut sending).await?;
    let receiving = async {
        for index in 0..count {
            frame_is(&mut receiver.recv, &pattern(index, len)).await?;
        }
        end_is_next(&mut receiver.recv).await
    };
    within("the sender goes on", async {
        tokio::try_join!(sending, receiving)
    })
    .await??;
    Ok(())
}
