//! When a connection goes, everything on it fails, at both ends; a new one can be made, unless one end was shut down.

use std::sync::Arc;

use super::Verdict;
use super::stage::{
    Stage, Stream, end_is_next, failure_after, finish, frame_is, holds, ok, open_between, pattern, recv,
    same, send, stalls, within,
};
use crate::{Duplex, PeerId, ResetCode, StreamError, TransportError};

/// What was not finished when the sender's transport went fails.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_sender_that_vanishes_is_no_end(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let Stream {
        mut sender,
        mut receiver,
    } = ends.stream().await?;
    for index in 0..3 {
        send(&mut sender.send, &pattern(index, 100)).await?;
    }
    within("the shutdown returns", ends.sender().transport.shutdown()).await?;
    let (error, _) = failure_after(&mut receiver.recv, &[100; 3]).await?;
    same("what the receiver sees", &error, &StreamError::Disconnected)?;
    is_disconnected("what the receiver's sending half sees", &mut receiver).await
}

/// A sender that waits for a peer to read wakes when the peer's transport goes.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_receiver_that_vanishes_is_noticed(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let Stream { mut sender, receiver } = ends.stream().await?;
    let Stream {
        sender: mut idle,
        receiver: _kept,
    } = ends.stream().await?;
    let len = ends.sender().limits.frame_max;
    let count = ends.receiver().limits.in_flight_max / len + 2;
    let mut task = tokio::spawn(async move {
        for index in 0..count {
            sender.send.send(&[pattern(index, len)]).await?;
        }
        Ok(())
    });
    stalls("a task that sends more than may be in flight", &mut task).await?;
    within("the shutdown returns", ends.receiver().transport.shutdown()).await?;
    let ended = ok("the task", within("the waiting send fails", task).await?)?;
    same(
        "what the waiting send sees",
        &ended,
        &Err(StreamError::Disconnected),
    )?;
    is_disconnected("what an idle stream sees", &mut idle).await?;
    drop(receiver);
    Ok(())
}

/// All halves of all streams, whoever opened them.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_disconnect_is_seen_at_both_ends(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let (sender, receiver) = (&ends.sender().transport, &ends.receiver().transport);
    let Stream {
        sender: mut one,
        receiver: mut two,
    } = ends.stream().await?;
    let (mut three, mut four) = open_between(&**sender, &**receiver).await?;
    let (mut five, mut six) = open_between(&**receiver, &**sender).await?;
    sender.disconnect(receiver.local());
    for end in [&mut one, &mut two, &mut three, &mut four, &mut five, &mut six] {
        is_disconnected("what a stream sees", end).await?;
    }
    Ok(())
}

/// Again and again, from whichever end; and a disconnect without a connection does nothing.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_disconnect_is_followed_by_a_new_connection(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let (sender, receiver) = (&ends.sender().transport, &ends.receiver().transport);
    sender.disconnect(receiver.local());
    sender.disconnect(PeerId::new(u64::MAX - 7));
    for round in 0..3 {
        let Stream {
            sender: mut one,
            receiver: mut two,
        } = ends.stream().await?;
        if round % 2 == 0 {
            sender.disconnect(receiver.local());
        } else {
            receiver.disconnect(sender.local());
        }
        is_disconnected("what the sender sees", &mut one).await?;
        is_disconnected("what the receiver sees", &mut two).await?;
        let (mut three, mut four) = open_between(&**receiver, &**sender).await?;
        send(&mut three.send, b"anew").await?;
        frame_is(&mut four.recv, b"anew").await?;
    }
    Ok(())
}

/// At the end that was shut down: opens, accepts, also those that wait, and every stream.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_shutdown_ends_everything(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let transport = Arc::clone(&ends.sender().transport);
    let Stream {
        mut sender,
        receiver: _kept,
    } = ends.stream().await?;
    let (mut to_itself, _kept_too) = open_between(&*transport, &*transport).await?;
    let accepting = Arc::clone(&transport);
    let mut waiting = tokio::spawn(async move { accepting.accept().await.err() });
    stalls("an accept", &mut waiting).await?;
    within("the shutdown returns", async {
        tokio::join!(transport.shutdown(), transport.shutdown())
    })
    .await?;
    let woken = ok(
        "the waiting task",
        within("the waiting accept ends", waiting).await?,
    )?;
    same("a waiting accept", &woken, &Some(TransportError::ShutDown))?;
    is_disconnected("what a stream sees", &mut sender).await?;
    is_disconnected("what a stream to itself sees", &mut to_itself).await?;
    let accepted = within("an accept fails", transport.accept()).await?;
    same("an accept", &accepted.err(), &Some(TransportError::ShutDown))?;
    for peer in [ends.receiver().transport.local(), transport.local()] {
        let opened = within("an open fails", transport.open(peer)).await?;
        same("an open", &opened.err(), &Some(TransportError::ShutDown))?;
    }
    within("another shutdown returns", transport.shutdown()).await
}

/// At the other end: streams fail, opens do not reach; the rest of it works.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_shutdown_is_seen_by_the_peer(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let Stream {
        sender: _kept,
        mut receiver,
    } = ends.stream().await?;
    let peer = &ends.receiver().transport;
    let opening = peer.open(ends.sender().transport.local());
    let mut unaccepted = ok("open", within("a stream is opened", opening).await?)?;
    send(&mut unaccepted.send, &pattern(0, 100)).await?;
    within("the shutdown returns", ends.sender().transport.shutdown()).await?;
    is_disconnected("what the peer's stream sees", &mut receiver).await?;
    is_disconnected("what a stream that nobody accepted sees", &mut unaccepted).await?;
    for gone in [ends.sender().transport.local(), PeerId::new(u64::MAX - 7)] {
        let opened = within("an open to nobody fails", peer.open(gone)).await?;
        let unreachable = matches!(&opened, Err(TransportError::Unreachable { peer, .. }) if *peer == gone);
        holds("an open to nobody should be unreachable", unreachable)?;
    }
    open_between(&**peer, &**peer).await?;
    Ok(())
}

/// They keep the same contract.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_node_has_streams_to_itself(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let transport = &*ends.sender().transport;
    let len = ends.sender().limits.frame_max;
    let (mut near, mut far) = open_between(transport, transport).await?;
    for index in 0..3 {
        send(&mut near.send, &pattern(index, len)).await?;
        frame_is(&mut far.recv, &pattern(index, len)).await?;
    }
    finish(near.send).await?;
    end_is_next(&mut far.recv).await?;
    far.send.reset(ResetCode::Aborted);
    let (error, _) = failure_after(&mut near.recv, &[]).await?;
    same("a reset", &error, &StreamError::Reset(ResetCode::Aborted))?;

    let (mut near, far) = open_between(transport, transport).await?;
    far.recv.stop(ResetCode::UnitGone);
    let stopped = within("a stop arrives", near.send.stopped()).await?;
    same("a stop", &stopped, &StreamError::Reset(ResetCode::UnitGone))?;

    let (near, mut far) = open_between(transport, transport).await?;
    drop(near);
    let (error, _) = failure_after(&mut far.recv, &[]).await?;
    same("a drop", &error, &StreamError::Reset(ResetCode::Dropped))?;

    let (mut near, mut far) = open_between(transport, transport).await?;
    transport.disconnect(transport.local());
    is_disconnected("a disconnect at one end", &mut near).await?;
    is_disconnected("a disconnect at the other", &mut far).await?;
    open_between(transport, transport).await?;
    Ok(())
}

async fn is_disconnected(what: &str, end: &mut Duplex) -> Verdict {
    let stopped = within(
        "a sending half hears that the connection is gone",
        end.send.stopped(),
    )
    .await?;
    same(what, &stopped, &StreamError::Disconnected)?;
    same(what, &recv(&mut end.recv).await?, &Err(StreamError::Disconnected))
}
