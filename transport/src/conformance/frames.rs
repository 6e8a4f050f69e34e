//! Frames arrive whole, once, in order and within bounds; the end comes after the last.

use bytes::Bytes;

use super::stage::{
    Stage, Stream, end_is_next, finish, frame_is, holds, ok, pattern, poll_and_drop, same, send, within,
};
use super::{Verdict, Violation};
use crate::{Duplex, StreamError};

/// Many frames of all lengths, both ends at once.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn frames_arrive_whole_and_in_order(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let max = ends.sender().limits.frame_max;
    let lengths = [
        1,
        0,
        2,
        255,
        256,
        257,
        4095,
        4096,
        4097,
        max / 2,
        max - 1,
        max,
        0,
        1,
    ];
    let frames: Vec<Bytes> = (0..10)
        .flat_map(|_| lengths)
        .enumerate()
        .map(|(index, len)| pattern(index, len.min(max)))
        .collect();
    let Stream {
        mut sender,
        mut receiver,
    } = ends.stream().await?;
    let sending = async {
        for frame in &frames {
            ok("send", sender.send.send(std::slice::from_ref(frame)).await)?;
        }
        finish(sender.send).await
    };
    let receiving = async {
        for frame in &frames {
            frame_is(&mut receiver.recv, frame).await?;
        }
        end_is_next(&mut receiver.recv).await
    };
    within("all frames pass", async { tokio::try_join!(sending, receiving) }).await??;
    Ok(())
}

/// The parts of a send are joined; empty parts, and none, do not matter.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_frame_of_many_parts_is_one_frame(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let Stream {
        mut sender,
        mut receiver,
    } = ends.stream().await?;
    let whole = pattern(1, 5000);
    let many: Vec<Bytes> = whole.chunks(101).map(Bytes::copy_from_slice).collect();
    let some = [
        whole.slice(..1),
        Bytes::new(),
        whole.slice(1..4000),
        whole.slice(4000..),
        Bytes::new(),
    ];
    ok(
        "send many parts",
        within("a frame is sent", sender.send.send(&many)).await?,
    )?;
    ok(
        "send some parts",
        within("a frame is sent", sender.send.send(&some)).await?,
    )?;
    ok(
        "send no part",
        within("a frame is sent", sender.send.send(&[])).await?,
    )?;
    frame_is(&mut receiver.recv, &whole).await?;
    frame_is(&mut receiver.recv, &whole).await?;
    frame_is(&mut receiver.recv, b"").await
}

/// What is received in parts is the frame that `recv` would have given, in turn with it, and so is the end.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_frame_received_in_parts_is_the_same_frame(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let Stream {
        mut sender,
        mut receiver,
    } = ends.stream().await?;
    let frames: Vec<Bytes> = [5000, 0, 1, 300, 0, 4096]
        .iter()
        .enumerate()
        .map(|(index, len)| pattern(index, *len))
        .collect();
    for frame in &frames {
        let middle = frame.len() / 3;
        let parts = [frame.slice(..middle), Bytes::new(), frame.slice(middle..)];
        for _ in 0..2 {
            ok("send", within("a frame is sent", sender.send.send(&parts)).await?)?;
        }
    }
    finish(sender.send).await?;
    for frame in &frames {
        let parts = within("a frame comes", receiver.recv.recv_parts()).await?;
        let Some(parts) = ok("recv_parts", parts)? else {
            return Err(Violation(format!(
                "the end came instead of {} bytes",
                frame.len()
            )));
        };
        same("the parts together", &parts.concat().into(), frame)?;
        holds("a part is empty", !parts.iter().any(Bytes::is_empty))?;
        frame_is(&mut receiver.recv, frame).await?;
    }
    let end = within("the end comes", receiver.recv.recv_parts()).await?;
    same("behind the last frame", &end, &Ok(None))?;
    end_is_next(&mut receiver.recv).await
}

/// A frame without bytes arrives like any other.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn an_empty_frame_is_a_frame(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let Stream {
        mut sender,
        mut receiver,
    } = ends.stream().await?;
    for frame in [&b""[..], b"", b"x", b""] {
        send(&mut sender.send, frame).await?;
    }
    finish(sender.send).await?;
    for frame in [&b""[..], b"", b"x", b""] {
        frame_is(&mut receiver.recv, frame).await?;
    }
    end_is_next(&mut receiver.recv).await
}

/// Everything, then the end, and the end again; also of a stream without frames.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_finished_stream_ends_after_its_last_frame(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    for count in [0, 1, 5] {
        let Stream {
            mut sender,
            mut receiver,
        } = ends.stream().await?;
        for index in 0..count {
            send(&mut sender.send, &pattern(index, 100)).await?;
        }
        finish(sender.send).await?;
        for index in 0..count {
            frame_is(&mut receiver.recv, &pattern(index, 100)).await?;
        }
        end_is_next(&mut receiver.recv).await?;
    }
    Ok(())
}

/// Once `finish` has returned, a shutdown of the sender's transport takes nothing from the receiver.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_finished_stream_outlives_its_sender(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let Stream {
        mut sender,
        mut receiver,
    } = ends.stream().await?;
    for index in 0..20 {
        send(&mut sender.send, &pattern(index, 2000)).await?;
    }
    finish(sender.send).await?;
    within("the shutdown returns", ends.sender().transport.shutdown()).await?;
    for index in 0..20 {
        frame_is(&mut receiver.recv, &pattern(index, 2000)).await?;
    }
    end_is_next(&mut receiver.recv).await
}

/// The end of one direction leaves the other open.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn each_direction_ends_by_itself(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let Stream { sender, mut receiver } = ends.stream().await?;
    let Duplex {
        send: sending,
        recv: mut back,
    } = sender;
    finish(sending).await?;
    end_is_next(&mut receiver.recv).await?;
    for index in 0..3 {
        send(&mut receiver.send, &pattern(index, 300)).await?;
        frame_is(&mut back, &pattern(index, 300)).await?;
    }
    finish(receiver.send).await?;
    end_is_next(&mut back).await
}

/// A `recv` that loses a `select!` is asked again, and no frame is missing.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_dropped_recv_loses_no_frame(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let Stream {
        mut sender,
        mut receiver,
    } = ends.stream().await?;
    let len = ends.sender().limits.frame_max / 2;
    let count = 40;
    let sending = tokio::spawn(async move {
        for index in 0..count {
            send(&mut sender.send, &pattern(index, len)).await?;
        }
        finish(sender.send).await
    });
    let receiving = async {
        let mut came = 0;
        loop {
            // Polled once and dropped, with whatever part of the frame is there by then.
            let Some(next) = poll_and_drop(receiver.recv.recv()) else {
                tokio::task::yield_now().await;
                let wait = tokio::time::Duration::from_micros(200);
                let Ok(next) = tokio::time::timeout(wait, receiver.recv.recv()).await else {
                    continue;
                };
                if !step(next, &mut came, len)? {
                    return Ok(came);
                }
                continue;
            };
            if !step(next, &mut came, len)? {
                return Ok(came);
            }
        }
    };
    let came = within("all frames pass", receiving).await?;
    same("frames received", &came?, &count)?;
    ok("the sending task", sending.await)?
}

fn step(next: Result<Option<Bytes>, StreamError>, came: &mut usize, len: usize) -> Result<bool, Violation> {
    let Some(frame) = ok("recv", next)? else {
        return Ok(false);
    };
    holds("a frame is not whole, or not next", frame == pattern(*came, len))?;
    *came += 1;
    Ok(true)
}
