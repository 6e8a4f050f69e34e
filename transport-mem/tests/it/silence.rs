//! Half-open peers: what one says does not arrive, and nobody is told.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use tidegate_transport::{PeerId, ResetCode, StreamError, Transport};
use tidegate_transport_mem::{MemConfig, MemLimits, MemNetwork};
use tokio::time::{Instant, timeout};

use crate::faults::{A, B, is_unreachable, network, stream};

const WORD: Bytes = Bytes::from_static(b"word");

/// Whether nothing comes of `future`, however long one waits.
async fn never<T>(future: impl Future<Output = T>) -> bool {
    timeout(Duration::from_secs(1000), future).await.is_err()
}

#[tokio::test(start_paused = true)]
async fn what_a_silenced_peer_sends_is_taken_and_never_arrives() {
    let (network, a, b) = network(MemConfig::default());
    let (mut near, mut far) = stream(&a, &b).await;
    network.silence(A, B);
    near.send.send(&[WORD]).await.unwrap();
    assert!(never(far.recv.recv()).await);
    far.send.send(&[WORD]).await.unwrap();
    assert_eq!(near.recv.recv().await, Ok(Some(WORD)), "the other way is whole");
    assert!(never(near.send.stopped()).await);

    network.heal(A, B);
    near.send.send(&[WORD]).await.unwrap();
    assert!(never(far.recv.recv()).await, "a stream has no gaps");
    stream(&a, &b).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_said_nothing_meanwhile_goes_on() {
    let (network, a, b) = network(MemConfig::default());
    let (mut near, mut far) = stream(&a, &b).await;
    network.silence(A, B);
    network.heal(B, A);
    near.send.send(&[WORD]).await.unwrap();
    assert_eq!(far.recv.recv().await, Ok(Some(WORD)));
}

#[tokio::test(start_paused = true)]
async fn ends_resets_stops_and_drops_are_not_heard_of() {
    let (network, a, b) = network(MemConfig::default());
    let mut streams = Vec::new();
    for _ in 0..4 {
        streams.push(stream(&a, &b).await);
    }
    network.silence(A, B);
    let mut streams = streams.into_iter();
    let mut next = || streams.next().unwrap();

    let (near, mut far) = next();
    assert!(never(near.send.finish()).await);
    assert!(never(far.recv.recv()).await);

    let (near, mut far) = next();
    near.send.reset(ResetCode::Aborted);
    near.recv.stop(ResetCode::Aborted);
    assert!(never(far.recv.recv()).await);
    assert!(never(far.send.stopped()).await);
    far.send.send(&[WORD]).await.unwrap();

    let (near, mut far) = next();
    drop(near);
    assert!(never(far.recv.recv()).await);
    assert!(never(far.send.stopped()).await);

    let (mut near, far) = next();
    drop(far);
    assert_eq!(
        near.recv.recv().await,
        Err(StreamError::Reset(ResetCode::Dropped))
    );
    assert_eq!(
        near.send.send(&[WORD]).await,
        Err(StreamError::Reset(ResetCode::Dropped))
    );
}

#[tokio::test(start_paused = true)]
async fn a_silenced_sender_fills_its_window_and_waits() {
    let network = MemNetwork::new(MemConfig::default());
    let small = MemLimits {
        frames_in_flight: 3,
        ..MemLimits::default()
    };
    let (a, b) = (network.join(A).unwrap(), network.join_with(B, small).unwrap());
    let (mut near, far) = stream(&a, &b).await;
    network.silence(A, B);
    for _ in 0..3 {
        near.send.send(&[WORD]).await.unwrap();
    }
    assert!(never(near.send.send(&[WORD])).await);
    drop(far);
    assert_eq!(
        near.send.send(&[WORD]).await,
        Err(StreamError::Reset(ResetCode::Dropped))
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_opened_meanwhile_is_never_accepted_and_counts_until_both_ends_let_go() {
    let network = MemNetwork::new(MemConfig::default());
    let small = MemLimits {
        streams_per_peer: 2,
        ..MemLimits::default()
    };
    let (a, b) = (network.join(A).unwrap(), network.join_with(B, small).unwrap());
    let held = stream(&a, &b).await;
    network.silence(A, B);
    for _ in 0..5 {
        let mut unheard = a.open(B).await.unwrap();
        unheard.send.send(&[WORD]).await.unwrap();
        assert!(never(b.accept()).await);
        assert!(never(unheard.recv.recv()).await);
        drop(unheard);
    }
    drop(held);
    network.heal(A, B);
    stream(&a, &b).await;
}

#[tokio::test(start_paused = true)]
async fn a_first_open_has_no_answer_whichever_way_is_silent() {
    let (network, a, b) = network(MemConfig::default());
    network.silence(A, B);
    let start = Instant::now();
    assert!(is_unreachable(&a.open(B).await));
    assert!(is_unreachable(&b.open(A).await));
    assert_eq!(start.elapsed(), 2 * MemLimits::default().open_wait);
    network.heal_all();
    stream(&a, &b).await;
    stream(&b, &a).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_in_silence_or_cuts_tells_only_itself() {
    let (network, a, b) = network(MemConfig::default());
    let (mut near, mut far) = stream(&a, &b).await;
    let (mut back_near, mut back_far) = stream(&b, &a).await;
    network.silence(A, B);
    a.disconnect(B);
    assert_eq!(near.recv.recv().await, Err(StreamError::Disconnected));
    assert_eq!(near.send.stopped().await, StreamError::Disconnected);
    assert_eq!(back_far.recv.recv().await, Err(StreamError::Disconnected));
    drop((near, back_far));
    assert!(never(far.recv.recv()).await);
    assert!(never(back_near.recv.recv()).await);

    network.heal(A, B);
    let (mut near, mut far) = stream(&a, &b).await;
    network.silence(A, B);
    a.shutdown().await;
    drop(a);
    assert_eq!(near.recv.recv().await, Err(StreamError::Disconnected));
    drop(near);
    assert!(never(far.recv.recv()).await);
    network.heal(A, B);
    let again = network.join(A).unwrap();
    assert!(
        never(far.recv.recv()).await,
        "the one before is gone, and said nothing"
    );
    stream(&again, &b).await;
    stream(&b, &again).await;
}

#[tokio::test(start_paused = true)]
async fn a_deaf_node_that_leaves_is_told_itself() {
    let (network, a, b) = network(MemConfig::default());
    let (mut near, mut far) = stream(&a, &b).await;
    network.silence(B, A);
    a.shutdown().await;
    assert_eq!(near.recv.recv().await, Err(StreamError::Disconnected));
    assert_eq!(far.recv.recv().await, Err(StreamError::Disconnected));
}

#[tokio::test(start_paused = true)]
async fn others_hear_everything() {
    let (network, a, b) = network(MemConfig::default());
    let c = network.join(PeerId::new(3)).unwrap();
    network.silence(A, B);
    stream(&a, &c).await;
    stream(&c, &b).await;
    drop(b);
}
