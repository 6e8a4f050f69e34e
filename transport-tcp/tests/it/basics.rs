//! The way of a frame, and of a connection.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use tidegate_transport::{PeerId, ResetCode, StreamError, Transport, TransportError};
use tidegate_transport_tcp::TcpLimits;
use tokio::time::timeout;

use crate::network::{B, LONG, brisk, pair, pair_with, stream};

#[tokio::test]
async fn frames_go_both_ways_and_end() {
    let (a, b) = pair();
    let (mut near, mut far) = stream(&a, &b).await;
    near.send
        .send(&[
            Bytes::from_static(b"head"),
            Bytes::new(),
            Bytes::from_static(b"body"),
        ])
        .await
        .unwrap();
    near.send.send(&[]).await.unwrap();
    near.send.finish().await.unwrap();
    assert_eq!(far.recv.recv().await.unwrap().as_deref(), Some(&b"headbody"[..]));
    assert_eq!(far.recv.recv().await.unwrap().as_deref(), Some(&b""[..]));
    assert_eq!(far.recv.recv().await.unwrap(), None);
    assert_eq!(far.recv.recv().await.unwrap(), None);
    far.send.send(&[Bytes::from_static(b"back")]).await.unwrap();
    far.send.finish().await.unwrap();
    assert_eq!(near.recv.recv().await.unwrap().as_deref(), Some(&b"back"[..]));
    assert_eq!(near.recv.recv().await.unwrap(), None);
    a.shutdown().await;
    b.shutdown().await;
}

#[tokio::test]
async fn what_was_finished_survives_the_senders_shutdown() {
    let (a, b) = pair();
    let (near, mut far) = stream(&a, &b).await;
    let mut send = near.send;
    for k in 0..100_u8 {
        send.send(&[Bytes::from(vec![k; 5000])]).await.unwrap();
    }
    send.finish().await.unwrap();
    a.shutdown().await;
    for k in 0..100_u8 {
        assert_eq!(far.recv.recv().await.unwrap().unwrap(), vec![k; 5000]);
    }
    assert_eq!(far.recv.recv().await.unwrap(), None);
}

/// Also what nobody has accepted yet, and there is no room for.
#[tokio::test]
async fn what_was_finished_survives_the_senders_shutdown_before_it_is_accepted() {
    let limits = TcpLimits {
        backlog: 1,
        ..brisk()
    };
    let (a, b) = pair_with(&limits);
    let mut halves = Vec::new();
    for k in 0..4_u8 {
        let mut near = a.open(B).await.unwrap();
        near.send.send(&[Bytes::from(vec![k; 5000])]).await.unwrap();
        near.send.finish().await.unwrap();
        halves.push(near.recv);
    }
    a.shutdown().await;
    let mut come = BTreeSet::new();
    for _ in 0..4 {
        let mut far = timeout(LONG, b.accept()).await.unwrap().unwrap().stream;
        let frame = far.recv.recv().await.unwrap().unwrap();
        assert_eq!((frame.len(), far.recv.recv().await.unwrap()), (5000, None));
        come.insert(frame[0]);
    }
    assert_eq!(come, BTreeSet::from([0, 1, 2, 3]));
}

#[tokio::test]
async fn a_drop_is_a_reset_at_the_other_end() {
    let (a, b) = pair();
    let (near, mut far) = stream(&a, &b).await;
    drop(near);
    assert_eq!(far.recv.recv().await, Err(StreamError::Reset(ResetCode::Dropped)));
    assert_eq!(far.send.stopped().await, StreamError::Reset(ResetCode::Dropped));
}

#[tokio::test]
async fn a_peer_without_an_address_is_unreachable() {
    let (a, _b) = pair();
    let error = a.open(PeerId::new(9)).await.unwrap_err();
    assert!(matches!(error, TransportError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn silence_is_unreachable_in_time() {
    let (a, _b) = pair();
    // A socket that is there and says nothing: the system takes the connection, and nobody the hello.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = PeerId::new(9);
    a.set_peer_address(nobody, mute.local_addr().unwrap()).unwrap();
    let error = timeout(LONG, a.open(nobody)).await.unwrap().unwrap_err();
    assert!(matches!(error, TransportError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn past_the_peers_limit_an_open_waits_and_then_says_so() {
    let limits = TcpLimits {
        streams_per_peer: 4,
        ..brisk()
    };
    let (a, b) = pair_with(&limits);
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(stream(&a, &b).await);
    }
    let mut more = Vec::new();
    let error = loop {
        match a.open(B).await {
            Ok(stream) => more.push(stream),
            Err(error) => break error,
        }
        assert!(more.len() < 4, "the limit holds nobody");
    };
    let waited = limits.open_deadline;
    assert_eq!(error, TransportError::TooManyStreams { peer: B, waited });
    open.clear();
    drop(more);
    // Each waits for a short time only, and this machine may be busy.
    let opened = async { while a.open(B).await.is_err() {} };
    timeout(LONG, opened).await.expect("there is room again");
}

#[tokio::test]
async fn a_send_that_was_given_up_spoils_the_stream() {
    let limits = TcpLimits {
        stream_window: 1024,
        send_buffer: 1,
        ..brisk()
    };
    let (a, b) = pair_with(&limits);
    let (mut near, mut far) = stream(&a, &b).await;
    let frame = [Bytes::from(vec![0; 2000])];
    // More than the peer takes unread, and more than is kept here: the send waits, and is given up.
    near.send.send(&frame).await.unwrap();
    assert!(
        timeout(Duration::from_millis(100), near.send.send(&frame))
            .await
            .is_err()
    );
    assert_eq!(near.send.send(&[]).await, Err(StreamError::Malformed));
    assert_eq!(near.send.finish().await, Err(StreamError::Malformed));
    assert_eq!(far.recv.recv().await, Err(StreamError::Reset(ResetCode::Dropped)));
}

#[tokio::test]
async fn a_finish_needs_the_peers_transport_and_not_its_program() {
    let limits = TcpLimits {
        stream_window: 1024,
        finish_deadline: Duration::from_millis(200),
        ..brisk()
    };
    let (a, b) = pair_with(&limits);
    let (mut near, mut far) = stream(&a, &b).await;
    near.send.send(&[Bytes::from(vec![0; 800])]).await.unwrap();
    near.send.finish().await.unwrap();
    assert_eq!(far.recv.recv().await.unwrap().unwrap().len(), 800);
    assert_eq!(far.recv.recv().await, Ok(None));
}

#[tokio::test]
async fn a_finish_that_the_window_holds_back_ends_as_stalled() {
    let limits = TcpLimits {
        stream_window: 1024,
        finish_deadline: Duration::from_millis(200),
        ..brisk()
    };
    let (a, b) = pair_with(&limits);
    let (mut near, mut far) = stream(&a, &b).await;
    near.send.send(&[Bytes::from(vec![0; 5000])]).await.unwrap();
    let stalled = StreamError::Reset(ResetCode::Stalled);
    assert_eq!(near.send.finish().await, Err(stalled));
    assert_eq!(timeout(LONG, far.recv.recv()).await.unwrap(), Err(stalled));
}

/// Both directions are full, and nobody reads: what cuts them short arrives all the same.
#[tokio::test]
async fn a_stop_and_a_reset_never_wait_behind_frames() {
    let limits = TcpLimits {
        stream_window: 64 << 10,
        send_buffer: 1,
        ..brisk()
    };
    let (a, b) = pair_with(&limits);
    let (mut near, mut far) = stream(&a, &b).await;
    let frame = [Bytes::from(vec![0; 1 << 20])];
    for half in [&mut near.send, &mut far.send] {
        half.send(&frame).await.unwrap();
    }
    near.recv.stop(ResetCode::DiskFull);
    let stopped = timeout(LONG, far.send.stopped()).await.unwrap();
    assert_eq!(stopped, StreamError::Reset(ResetCode::DiskFull));
    near.send.reset(ResetCode::UnitGone);
    let reset = timeout(LONG, far.recv.recv()).await.unwrap();
    assert_eq!(reset, Err(StreamError::Reset(ResetCode::UnitGone)));
}
