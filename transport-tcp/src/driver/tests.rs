//! Two drivers on a pipe, and one whose other end says what it likes.

use tidegate_transport::{ResetCode, StreamError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::Instant;

use super::*;

fn terms(accepts: bool) -> Terms {
    Terms {
        bounds: StreamBounds {
            frame_max: 1 << 20,
            send_buffer: 1000,
            window: 64 << 10,
            finish_deadline: Duration::from_secs(20),
        },
        peer_window: 64 << 10,
        idle_timeout: Duration::from_secs(9),
        accepts,
    }
}

fn drivers() -> (Driver<DuplexStream>, Driver<DuplexStream>) {
    // Of no length that a message has, so that everything comes in bits.
    let (near, far) = duplex(37);
    (
        Driver::new(near, terms(false), Buffers::default()),
        Driver::new(far, terms(true), Buffers::default()),
    )
}

async fn begun(driver: &mut Driver<DuplexStream>) -> Duplex {
    match driver.next().await.unwrap() {
        Event::Begun { stream, .. } => stream,
        Event::Over => panic!("no stream was under way"),
    }
}

/// Stream after stream on one connection, each with frames both ways.
#[tokio::test]
async fn one_stream_after_the_other() {
    let (mut near, mut far) = drivers();
    let serving = tokio::spawn(async move {
        for _ in 0..3 {
            let mut stream = begun(&mut far).await;
            let echo = tokio::spawn(async move {
                while let Some(frame) = stream.recv.recv().await? {
                    stream.send.send(&[frame]).await?;
                }
                stream.send.finish().await
            });
            assert!(matches!(far.next().await, Ok(Event::Over)));
            echo.await.unwrap().unwrap();
        }
    });
    for len in [0_usize, 1, 100_000] {
        let (driven, mut stream) = Stream::halves(terms(false).bounds);
        near.begin(driven);
        let asking = tokio::spawn(async move {
            let frame = Bytes::from(vec![7; len]);
            stream.send.send(std::slice::from_ref(&frame)).await.unwrap();
            stream.send.finish().await.unwrap();
            assert_eq!(stream.recv.recv().await, Ok(Some(frame)));
            assert_eq!(stream.recv.recv().await, Ok(None));
        });
        assert!(matches!(near.next().await, Ok(Event::Over)));
        asking.await.unwrap();
    }
    serving.await.unwrap();
}

/// Whatever was under way when a stream was cut short, nothing of it is heard by the next on the same connection.
#[tokio::test]
async fn what_was_cut_short_is_over_at_both_ends_and_the_next_hears_nothing_of_it() {
    let (mut near, mut far) = drivers();
    for len in [0_usize, 1, 300_000, 500_000] {
        let (driven, mut stream) = Stream::halves(terms(false).bounds);
        near.begin(driven);
        let running = tokio::spawn(async move {
            let over = near.next().await;
            (near, over)
        });
        stream.send.send(&[Bytes::from(vec![0; len])]).await.unwrap();
        let mut accepted = begun(&mut far).await;
        let far_running = tokio::spawn(async move {
            let over = far.next().await;
            (far, over)
        });
        stream.send.reset(ResetCode::DiskFull);
        let cut = loop {
            match accepted.recv.recv().await {
                // It was whole already.
                Ok(Some(frame)) => assert_eq!(frame.len(), len),
                other => break other,
            }
        };
        assert_eq!(cut, Err(StreamError::Reset(ResetCode::DiskFull)));
        drop(stream.recv);
        let stopped = StreamError::Reset(ResetCode::Dropped);
        assert_eq!(accepted.send.stopped().await, stopped);
        drop(accepted);
        let over;
        (near, over) = running.await.unwrap();
        assert!(matches!(over, Ok(Event::Over)), "{over:?}");
        let over;
        (far, over) = far_running.await.unwrap();
        assert!(matches!(over, Ok(Event::Over)), "{over:?}");
    }
}

/// An end of the connection is no end of a stream, wherever it comes.
#[tokio::test]
async fn a_connection_that_ends_is_lost() {
    let frame = [1, 0, 0, 0, 4, 2, 0, 0, 0, 4, b'a', b'b', b'c', b'd'];
    for len in 1..=frame.len() {
        let (mut peer, io) = duplex(100);
        let mut driver = Driver::new(io, terms(true), Buffers::default());
        peer.write_all(&frame[..len]).await.unwrap();
        drop(peer);
        let mut stream = None;
        while let Ok(event) = driver.next().await {
            if let Event::Begun { stream: begun, .. } = event {
                stream = Some(begun);
            }
        }
        drop(driver);
        if let Some(mut stream) = stream {
            assert_eq!(stream.recv.recv().await, Err(StreamError::Disconnected), "{len}");
        }
    }
}

/// A peer that reads and never speaks is asked, and then given up.
#[tokio::test(start_paused = true)]
async fn a_frozen_peer_is_missed() {
    let (mut peer, io) = duplex(100);
    let mut driver = Driver::new(io, terms(true), Buffers::default());
    let begun = Instant::now();
    assert!(matches!(driver.next().await, Err(Gone::Silent)));
    assert_eq!(begun.elapsed(), terms(true).idle_timeout);
    let mut asked = [0; 5];
    peer.read_exact(&mut asked).await.unwrap();
    assert_eq!(Message::decode(asked), Some(Message::Ping));
}

/// A peer that takes nothing off the connection is given up as well.
#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_even_read_is_missed() {
    let (_peer, io) = duplex(3);
    let mut driver = Driver::new(io, terms(false), Buffers::default());
    let (driven, mut stream) = Stream::halves(terms(false).bounds);
    driver.begin(driven);
    stream.send.send(&[Bytes::from(vec![0; 5000])]).await.unwrap();
    assert!(matches!(driver.next().await, Err(Gone::Silent)));
    drop(driver);
    assert_eq!(stream.send.finish().await, Err(StreamError::Disconnected));
}

#[tokio::test]
async fn a_ping_is_answered_at_rest_too() {
    let (mut peer, io) = duplex(100);
    let mut driver = Driver::new(io, terms(false), Buffers::default());
    peer.write_all(&Message::Ping.encode()).await.unwrap();
    let mut answer = [0; 5];
    tokio::select! {
        ended = driver.next() => panic!("{ended:?}"),
        read = peer.read_exact(&mut answer) => assert_eq!(read.unwrap(), 5),
    }
    assert_eq!(Message::decode(answer), Some(Message::Pong));
}
