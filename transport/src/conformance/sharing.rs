//! Streams share a connection: how many there may be, and that none is in the way of another.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::stage::{
    Ends, Stage, Stream, fill, frame_is, holds, ok, open_between, pattern, poll_and_drop, recv, same, send,
    stalls, within,
};
use super::{DEADLINE, Limits, Verdict, Violation};
use crate::{Duplex, Incoming, Transport, TransportError};

const FEW: usize = 3;

/// One stream more than the peer allows is an error after a bounded wait, and works once one has ended.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn more_streams_than_allowed_wait_and_fail(stage: Stage) -> Verdict {
    let few = Limits {
        streams_per_peer: FEW,
        ..Limits::default()
    };
    let ends = stage.set_up_with(few, few).await;
    let mut streams = open_all(&ends).await?;
    let (sender, receiver) = (&ends.sender().transport, &ends.receiver().transport);
    for _ in 0..2 {
        let opened = within("an open past the limit fails", sender.open(receiver.local())).await?;
        let refused =
            matches!(&opened, Err(TransportError::TooManyStreams { peer, .. }) if *peer == receiver.local());
        holds("an open past the limit should fail with TooManyStreams", refused)?;
    }
    for (near, far) in &mut streams {
        send(&mut near.send, b"still").await?;
        frame_is(&mut far.recv, b"still").await?;
    }
    drop(streams.pop());
    let mut near = within("an open works again", open_patiently(&**sender, &**receiver)).await??;
    send(&mut near.send, b"first").await?;
    let Incoming { stream: mut far, .. } = ok("accept", within("it arrives", receiver.accept()).await?)?;
    frame_is(&mut far.recv, b"first").await
}

/// An open waits for a stream to end, rather than fail at once.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_waiting_open_goes_on_when_a_stream_ends(stage: Stage) -> Verdict {
    let few = Limits {
        streams_per_peer: FEW,
        open_wait: DEADLINE,
        ..Limits::default()
    };
    let ends = stage.set_up_with(few, few).await;
    let mut streams = open_all(&ends).await?;
    let (sender, peer) = (
        Arc::clone(&ends.sender().transport),
        ends.receiver().transport.local(),
    );
    let mut waiting = tokio::spawn(async move { sender.open(peer).await.map(drop) });
    stalls("an open past the limit", &mut waiting).await?;
    drop(streams.pop());
    let opened = within("the waiting open goes on", waiting).await?;
    ok("the waiting open", ok("the waiting task", opened)?)
}

/// Control frames pass while as much bulk as fits is stuck.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn an_unread_stream_holds_up_no_other(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let len = ends.sender().limits.frame_max;
    let bytes_max = ends.receiver().limits.in_flight_max + len;
    let bulk = ends
        .sender()
        .limits
        .streams_per_peer
        .min(ends.receiver().limits.streams_per_peer)
        - 1;
    let (mut filling, mut unread, mut stuck) = (JoinSet::new(), Vec::new(), Vec::new());
    for _ in 0..bulk {
        let Stream {
            sender: mut near,
            receiver: far,
        } = ends.stream().await?;
        unread.push(far);
        filling.spawn(async move { fill(&mut near.send, len, bytes_max).await.map(|_| near) });
    }
    while let Some(filled) = within("the bulk streams are full", filling.join_next()).await? {
        stuck.push(ok("a filling task", filled)??);
    }
    let passing = async {
        let Stream {
            mut sender,
            mut receiver,
        } = ends.stream().await?;
        for index in 0..50 {
            send(&mut sender.send, &pattern(index, 100)).await?;
            frame_is(&mut receiver.recv, &pattern(index, 100)).await?;
            send(&mut receiver.send, &pattern(index, 100)).await?;
            frame_is(&mut sender.recv, &pattern(index, 100)).await?;
        }
        Ok(())
    };
    within("control frames pass beside unread bulk", passing).await?
}

/// Each stream goes to one of those who wait.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn several_acceptors_share_the_streams(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let (sender, receiver) = (&ends.sender().transport, &ends.receiver().transport);
    let mut accepting = JoinSet::new();
    for _ in 0..4 {
        let receiver = Arc::clone(receiver);
        accepting.spawn(async move { accepted_number(ok("accept", receiver.accept().await)?).await });
    }
    let mut opened = Vec::new();
    for number in 0..4 {
        opened.push(open_numbered(&**sender, &**receiver, number).await?);
    }
    let mut numbers = BTreeSet::new();
    while let Some(number) = within("every acceptor gets a stream", accepting.join_next()).await? {
        numbers.insert(ok("an accepting task", number)??);
    }
    same("the streams accepted", &numbers, &(0..4).collect())
}

/// An `accept` that loses a `select!` is asked again, and no stream is missing.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_dropped_accept_loses_no_stream(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let (sender, receiver) = (&ends.sender().transport, &ends.receiver().transport);
    let opening = async {
        let mut opened = Vec::new();
        for number in 0..6 {
            opened.push(open_numbered(&**sender, &**receiver, number).await?);
            tokio::task::yield_now().await;
        }
        Ok::<_, Violation>(opened)
    };
    let accepting = async {
        let mut numbers = BTreeSet::new();
        while numbers.len() < 6 {
            let accepted = match poll_and_drop(receiver.accept()) {
                Some(accepted) => accepted,
                None => match timeout(Duration::from_micros(200), receiver.accept()).await {
                    Ok(accepted) => accepted,
                    Err(_) => continue,
                },
            };
            numbers.insert(accepted_number(ok("accept", accepted)?).await?);
        }
        Ok(numbers)
    };
    let (_opened, numbers) = within("every stream is accepted", async {
        tokio::try_join!(opening, accepting)
    })
    .await??;
    same("the streams accepted", &numbers, &(0..6).collect())
}

/// Opens that were dropped, and streams that never sent, take nobody's place.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_dropped_open_leaves_nothing_behind(stage: Stage) -> Verdict {
    let few = Limits {
        streams_per_peer: FEW,
        ..Limits::default()
    };
    let ends = stage.set_up_with(few, few).await;
    let (sender, receiver) = (&ends.sender().transport, &ends.receiver().transport);
    let mut keeping = JoinSet::new();
    let accepting = Arc::clone(receiver);
    keeping.spawn(async move {
        let mut kept = Vec::new();
        while let Ok(Incoming { mut stream, .. }) = accepting.accept().await {
            if let Ok(Ok(Some(_))) = timeout(DEADLINE, stream.recv.recv()).await {
                kept.push(stream);
            }
        }
    });
    for _ in 0..4 * FEW {
        drop(poll_and_drop(sender.open(receiver.local())));
        drop(timeout(Duration::from_millis(1), sender.open(receiver.local())).await);
    }
    let mut opened = Vec::new();
    for number in 0..FEW {
        let opening = open_patiently(&**sender, &**receiver);
        let mut near = within("as many streams as allowed can be opened", opening).await??;
        send(&mut near.send, &pattern(number, 10)).await?;
        opened.push(near);
    }
    Ok(())
}

/// As many streams from the sender to the receiver as the receiver allows.
async fn open_all(ends: &Ends) -> Result<Vec<(Duplex, Duplex)>, Violation> {
    let limit = ends.receiver().limits.streams_per_peer;
    holds(
        "the pair is not made as wished: it allows too many streams",
        limit <= FEW,
    )?;
    let mut streams = Vec::new();
    for _ in 0..limit {
        streams.push(open_between(&*ends.sender().transport, &*ends.receiver().transport).await?);
    }
    Ok(streams)
}

/// Opens as soon as the peer has heard that other streams ended.
async fn open_patiently(sender: &dyn Transport, receiver: &dyn Transport) -> Result<Duplex, Violation> {
    loop {
        match sender.open(receiver.local()).await {
            Err(TransportError::TooManyStreams { .. }) => tokio::task::yield_now().await,
            opened => return ok("open", opened),
        }
    }
}

async fn open_numbered(
    sender: &dyn Transport,
    receiver: &dyn Transport,
    number: u8,
) -> Result<Duplex, Violation> {
    let mut near = ok(
        "open",
        within("a stream is opened", sender.open(receiver.local())).await?,
    )?;
    send(&mut near.send, &[number]).await?;
    Ok(near)
}

async fn accepted_number(mut incoming: Incoming) -> Result<u8, Violation> {
    match recv(&mut incoming.stream.recv).await? {
        Ok(Some(frame)) if frame.len() == 1 => Ok(frame[0]),
        other => Err(Violation(format!("a stream's number should come, but {other:?}"))),
    }
}
