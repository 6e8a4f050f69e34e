//! A sink against a peer that breaks the rules.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_guard::{FrozenGuard, SessionId, Unfenced};
use tidegate_transport::RecvHalf;
use tidegate_transport::pipe::{PipeConfig, pipe};

use super::*;
use crate::{Opening, Position, Refusal, UnitId};

fn batch(number: u8) -> Batch {
    Batch {
        payload: Bytes::from(vec![number; 100]),
        rows: 1,
        last: Position(Bytes::from(vec![number])),
    }
}

async fn pair() -> (BatchSink, Duplex) {
    let (near, far) = narrow();
    let config = StreamingConfig {
        stall_timeout: Duration::from_secs(3),
        ..StreamingConfig::default()
    };
    (
        BatchSink::new(near, Arc::new(Unfenced), config, Throttle::new()),
        far,
    )
}

fn narrow() -> (Duplex, Duplex) {
    pipe(PipeConfig {
        frames_in_flight: 2,
        ..PipeConfig::default()
    })
}

#[tokio::test(start_paused = true)]
async fn receipts_that_differ_are_no_success() {
    for theirs in [
        Receipt::default(),
        Receipt {
            batches: 1,
            rows: 2,
            bytes: 100,
            digest: crc32c::crc32c(&[1; 100]),
        },
        Receipt {
            batches: 1,
            rows: 1,
            bytes: 100,
            digest: 1,
        },
    ] {
        let (mut sink, mut peer) = pair().await;
        sink.send(&batch(1)).await.unwrap();
        peer.send
            .send(&[wire::encode_receipt_accepted(theirs).unwrap()])
            .await
            .unwrap();
        // Before the end, it is even out of turn: either way it is refused.
        assert!(sink.finish().await.is_err());
        while let Ok(Some(_)) = peer.recv.recv().await {}
        assert_eq!(peer.recv.recv().await, Err(StreamError::Reset(ResetCode::Decode)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_receipt_that_differs_after_the_end_is_named() {
    let (mut sink, mut peer) = pair().await;
    sink.send(&batch(1)).await.unwrap();
    let ours = sink.sent();
    let finishing = tokio::spawn(sink.finish());
    assert!(peer.recv.recv().await.unwrap().is_some());
    assert!(peer.recv.recv().await.unwrap().is_some());
    let theirs = Receipt { rows: 7, ..ours };
    peer.send
        .send(&[wire::encode_receipt_accepted(theirs).unwrap()])
        .await
        .unwrap();
    assert_eq!(finishing.await.unwrap(), Err(SinkError::Receipt { ours, theirs }));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_ends_cleanly_without_a_receipt_has_accepted_nothing() {
    let (sink, peer) = pair().await;
    let finishing = tokio::spawn(sink.finish());
    let Duplex { send, mut recv } = peer;
    assert!(recv.recv().await.unwrap().is_some());
    let ended = tokio::spawn(send.finish());
    assert!(matches!(
        finishing.await.unwrap(),
        Err(SinkError::Wire(WireError::OutOfTurn(_)))
    ));
    drop(ended.await);
}

#[tokio::test(start_paused = true)]
async fn garbage_from_the_peer_closes_the_sink() {
    let (mut sink, mut peer) = pair().await;
    peer.send.send(&[Bytes::from_static(b"garbage")]).await.unwrap();
    assert!(matches!(
        sink.broken().await,
        SinkError::Wire(WireError::Malformed | WireError::Checksum)
    ));
    assert_eq!(sink.send(&batch(1)).await, Err(SinkError::Torn));
    assert_eq!(peer.recv.recv().await, Err(StreamError::Reset(ResetCode::Decode)));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_given_up_as_stalled() {
    let (mut sink, mut peer) = pair().await;
    let begun = Instant::now();
    let error = loop {
        if let Err(error) = sink.send(&batch(1)).await {
            break error;
        }
    };
    assert_eq!(
        error,
        SinkError::Stalled {
            waited: Duration::from_secs(3)
        }
    );
    assert_eq!(begun.elapsed(), Duration::from_secs(3));
    assert!(sink.sent().batches <= 2);
    while let Ok(Some(_)) = peer.recv.recv().await {}
    assert_eq!(
        peer.recv.recv().await,
        Err(StreamError::Reset(ResetCode::Stalled))
    );
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_says_it_waits_is_waited_for() {
    let (mut sink, mut peer) = pair().await;
    let talking = tokio::spawn(async move {
        for _ in 0..10 {
            sleep(Duration::from_secs(2)).await;
            peer.send
                .send(&[wire::encode_puller_waiting().unwrap()])
                .await
                .unwrap();
        }
        let mut frames = 0;
        while frames < 4 && peer.recv.recv().await.unwrap().is_some() {
            frames += 1;
        }
        peer
    });
    for number in 0..4 {
        sink.send(&batch(number)).await.unwrap();
    }
    talking.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_send_that_was_dropped_leaves_the_sink_torn() {
    let (mut sink, mut peer) = pair().await;
    while timeout(Duration::from_secs(1), sink.send(&batch(1)))
        .await
        .is_ok()
    {}
    assert_eq!(sink.send(&batch(1)).await, Err(SinkError::Torn));
    while let Ok(Some(_)) = peer.recv.recv().await {}
    assert_eq!(
        peer.recv.recv().await,
        Err(StreamError::Reset(ResetCode::Dropped))
    );
}

#[tokio::test(start_paused = true)]
async fn a_batch_over_the_limit_is_not_sent() {
    let (mut sink, _peer) = pair().await;
    sink.config.batch_bytes_max = 99;
    assert!(matches!(
        sink.send(&batch(1)).await,
        Err(SinkError::Wire(WireError::TooLarge { .. }))
    ));
}

#[tokio::test(start_paused = true)]
async fn a_hostile_opening_is_refused_before_anything_else() {
    for frame in [&b""[..], b"garbage", &[255; 100]] {
        let (near, mut far) = narrow();
        far.send.send(&[Bytes::copy_from_slice(frame)]).await.unwrap();
        let error = PendingSink::receive(near, &StreamingConfig::default())
            .await
            .unwrap_err();
        assert!(matches!(error, SinkError::Wire(_)), "{error:?}");
        assert_eq!(far.recv.recv().await, Err(StreamError::Reset(ResetCode::Decode)));
    }
    let (near, far) = narrow();
    let begun = Instant::now();
    let error = PendingSink::receive(near, &StreamingConfig::default())
        .await
        .unwrap_err();
    assert_eq!(
        (error.cause().as_str(), begun.elapsed()),
        ("stalled", Duration::from_secs(10))
    );
    drop(far);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_reaches_a_peer_that_is_slow() {
    let (near, mut far) = narrow();
    let frozen = FrozenGuard {
        session: SessionId::from_u128(3).unwrap(),
        epoch: 1,
    };
    let opening = Opening {
        unit: UnitId::new(1),
        frozen,
        resume: None,
    };
    far.send
        .send(&[wire::encode_opening(&opening).unwrap()])
        .await
        .unwrap();
    let pending = PendingSink::receive(near, &StreamingConfig::default())
        .await
        .unwrap();
    assert_eq!(pending.opening(), &opening);
    let refusing = tokio::spawn(pending.refuse(Refusal::NotMember));
    let frame = far.recv.recv().await.unwrap().unwrap();
    assert_eq!(
        wire::decode_from_source(&frame, 0),
        Ok(wire::FromSource::Refused(Refusal::NotMember))
    );
    assert_eq!(far.recv.recv().await, Ok(None));
    refusing.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_peer_whose_other_sources_take_long_is_not_cut_off() {
    let (mut sink, mut peer) = pair().await;
    sink.send(&batch(1)).await.unwrap();
    let (ours, held) = (sink.sent(), sink.config.engine_timeout);
    let finishing = tokio::spawn(sink.finish());
    for _ in 0..2 {
        assert!(peer.recv.recv().await.unwrap().is_some());
    }
    let accepted = wire::encode_receipt_accepted(ours).unwrap();
    peer.send.send(&[accepted]).await.unwrap();
    assert_eq!(finishing.await.unwrap(), Ok(ours));
    let Duplex { send, mut recv } = peer;
    let ended = tokio::spawn(send.finish());
    let begun = Instant::now();
    assert_eq!(recv.recv().await, Ok(None), "ended, not reset");
    assert!(begun.elapsed() >= held);
    ended.await.unwrap().unwrap();
}

/// The receiving half of a peer that only ever says that it waits, and always has said it already.
#[derive(Debug)]
struct Flood {
    until: Instant,
}

#[async_trait]
impl RecvHalf for Flood {
    async fn recv(&mut self) -> Result<Option<Bytes>, StreamError> {
        if Instant::now() > self.until {
            return Err(StreamError::Disconnected);
        }
        Ok(Some(wire::encode_puller_waiting().unwrap()))
    }

    fn stop(self: Box<Self>, _code: ResetCode) {}
}

/// A sink to such a peer, which goes after a while: who then has not had a turn will not have had one.
fn flooded() -> (BatchSink, Duplex) {
    let (near, far) = narrow();
    let until = Instant::now() + Duration::from_secs(2);
    let recv = Box::new(Flood { until });
    let stream = Duplex { recv, ..near };
    let config = StreamingConfig {
        receipt_timeout: Duration::from_millis(10),
        ..StreamingConfig::default()
    };
    (
        BatchSink::new(stream, Arc::new(Unfenced), config, Throttle::new()),
        far,
    )
}

#[tokio::test]
async fn a_peer_that_floods_leaves_others_their_turn() {
    let (mut sink, _peer) = flooded();
    let (others, turn) = tokio::sync::oneshot::channel();
    tokio::spawn(async move { others.send(()) });
    tokio::select! {
        biased;
        error = sink.broken() => panic!("no turn before {error}"),
        _ = turn => {}
    }
}

#[tokio::test]
async fn a_peer_that_floods_is_given_up_when_its_receipt_is_due() {
    let (sink, _peer) = flooded();
    assert!(matches!(sink.finish().await, Err(SinkError::Stalled { .. })));
}
