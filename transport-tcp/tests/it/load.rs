//! Much at once, and much in one piece.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tidegate_transport::{StreamError, Transport};
use tidegate_transport_tcp::TcpLimits;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::network::{B, LONG, brisk, pair, pair_with, stream};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_mebibytes_arrive_whole_and_in_order() {
    const FRAME: usize = 256 << 10;
    const FRAMES: usize = 256;
    let (a, b) = pair();
    let (near, far) = stream(&a, &b).await;
    let sending = tokio::spawn(async move {
        let mut send = near.send;
        for k in 0..FRAMES {
            let number = Bytes::copy_from_slice(&k.to_be_bytes());
            let body = Bytes::from(vec![u8::try_from(k % 251).unwrap(); FRAME]);
            send.send(&[number, body]).await?;
        }
        send.finish().await
    });
    let mut recv = far.recv;
    for k in 0..FRAMES {
        let frame = timeout(LONG, recv.recv()).await.unwrap().unwrap().unwrap();
        assert_eq!(frame.len(), FRAME + 8);
        assert_eq!(frame[..8], k.to_be_bytes());
        assert!(frame[8..].iter().all(|byte| usize::from(*byte) == k % 251));
    }
    assert_eq!(timeout(LONG, recv.recv()).await.unwrap(), Ok(None));
    sending.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_streams_at_once() {
    const STREAMS: u64 = 200;
    // All at once is more than are made at once.
    let (a, b) = pair_with(&TcpLimits {
        connect_deadline: LONG,
        ..brisk()
    });
    let echo = tokio::spawn(async move {
        let mut answers = JoinSet::new();
        while let Ok(mut incoming) = b.accept().await {
            answers.spawn(async move {
                while let Some(frame) = incoming.stream.recv.recv().await? {
                    incoming.stream.send.send(&[frame]).await?;
                }
                incoming.stream.send.finish().await
            });
            if answers.len() as u64 == STREAMS {
                break;
            }
        }
        answers.join_all().await
    });
    let mut asking = JoinSet::new();
    for k in 0..STREAMS {
        let a = Arc::clone(&a);
        asking.spawn(async move {
            let mut stream = a.open(B).await.unwrap();
            let body = Bytes::from(vec![0_u8; usize::try_from(k).unwrap() * 100]);
            stream
                .send
                .send(&[Bytes::copy_from_slice(&k.to_be_bytes()), body.clone()])
                .await
                .unwrap();
            stream.send.finish().await.unwrap();
            let answer = stream.recv.recv().await.unwrap().unwrap();
            assert_eq!(answer[..8], k.to_be_bytes());
            assert_eq!(answer[8..], body);
            assert_eq!(stream.recv.recv().await, Ok(None));
        });
    }
    timeout(LONG, asking.join_all()).await.unwrap();
    assert!(echo.await.unwrap().iter().all(Result::is_ok));
}

#[tokio::test]
async fn streams_that_nobody_reads_hold_up_no_other() {
    let limits = TcpLimits {
        streams_per_peer: 8,
        stream_window: 64 << 10,
        ..brisk()
    };
    let (a, b) = pair_with(&limits);
    let mut unread = Vec::new();
    for _ in 0..7 {
        let (mut near, far) = stream(&a, &b).await;
        let bulk = Bytes::from(vec![0; 32 << 10]);
        while timeout(
            Duration::from_millis(50),
            near.send.send(std::slice::from_ref(&bulk)),
        )
        .await
        .is_ok()
        {}
        unread.push((near, far));
    }
    for _ in 0..20 {
        let (mut near, mut far) = timeout(LONG, stream(&a, &b)).await.unwrap();
        near.send.send(&[Bytes::from(vec![1; 10 << 10])]).await.unwrap();
        let frame = timeout(LONG, far.recv.recv()).await.unwrap().unwrap().unwrap();
        assert_eq!(frame.len(), 10 << 10);
    }
}

#[tokio::test]
async fn a_recv_that_is_given_up_loses_nothing() {
    let limits = TcpLimits {
        stream_window: 4 << 10,
        send_buffer: 4 << 10,
        ..brisk()
    };
    let (a, b) = pair_with(&limits);
    let (mut near, mut far) = stream(&a, &b).await;
    let sending = tokio::spawn(async move {
        for k in 0..4_u8 {
            near.send.send(&[Bytes::from(vec![k; 300 << 10])]).await?;
        }
        near.send.finish().await
    });
    let mut given_up = 0;
    for k in 0..4_u8 {
        let frame = loop {
            // Polled once and dropped, mostly in the middle of a frame.
            match timeout(Duration::ZERO, far.recv.recv()).await {
                Ok(frame) => break frame.unwrap().unwrap(),
                Err(_) => given_up += 1,
            }
        };
        assert_eq!(frame, vec![k; 300 << 10]);
    }
    assert!(given_up > 0);
    assert_eq!(far.recv.recv().await, Ok(None));
    sending.await.unwrap().unwrap();
}

#[tokio::test]
async fn frames_over_the_limit_are_refused_at_either_end() {
    let limits = TcpLimits {
        frame_max: 1000,
        ..brisk()
    };
    let (a, b) = pair_with(&limits);
    let (mut near, mut far) = stream(&a, &b).await;
    near.send.send(&[Bytes::from(vec![0; 1000])]).await.unwrap();
    assert_eq!(far.recv.recv().await.unwrap().unwrap().len(), 1000);
    let too_large = StreamError::FrameTooLarge { len: 1001, max: 1000 };
    let parts = [Bytes::from(vec![0; 1000]), Bytes::from_static(b"1")];
    assert_eq!(near.send.send(&parts).await, Err(too_large));
    assert_eq!(near.send.send(&[]).await, Err(too_large));
    assert!(matches!(far.recv.recv().await, Err(StreamError::Reset(_))));

    // A peer with a larger limit is not believed.
    let authority = tidegate_transport_tcp::authority::Authority::new("blue").unwrap();
    let small = crate::network::bind(authority.issue(crate::network::A).unwrap(), limits);
    let large = crate::network::bind(authority.issue(B).unwrap(), brisk());
    crate::network::introduce(&small, &large);
    let (mut near, mut far) = stream(&large, &small).await;
    near.send.send(&parts).await.unwrap();
    assert_eq!(far.recv.recv().await, Err(too_large));
    assert!(matches!(
        timeout(LONG, near.send.stopped()).await.unwrap(),
        StreamError::Reset(_)
    ));
}
