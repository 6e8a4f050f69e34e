//! A receiving end against a peer that breaks the rules.

use std::sync::Arc;

use bytes::BytesMut;
use tidegate_guard::{FrozenGuard, SessionId, Unfenced};
use tidegate_transport::StreamError;
use tidegate_transport::pipe::{PipeConfig, pipe};
use tokio::time::{Instant, timeout};

use super::*;
use crate::UnitId;

fn opening(resume: Option<&'static [u8]>) -> Opening {
    let frozen = FrozenGuard {
        session: SessionId::from_u128(3).unwrap(),
        epoch: 1,
    };
    Opening {
        unit: UnitId::new(1),
        frozen,
        resume: resume.map(|key| Position(Bytes::from_static(key))),
    }
}

fn batch(last: &'static [u8]) -> Batch {
    Batch {
        payload: Bytes::from_static(b"rows"),
        rows: 1,
        last: Position(Bytes::from_static(last)),
    }
}

fn frames(sequence: u64, last: &'static [u8]) -> [Bytes; 2] {
    let batch = batch(last);
    [
        wire::encode_batch(sequence, &batch, &mut BytesMut::new())
            .unwrap()
            .0,
        batch.payload,
    ]
}

/// A source that was accepted, and the raw stream of its peer.
async fn accepted(resume: Option<&'static [u8]>) -> (BatchSource, Duplex) {
    let (near, mut far) = pipe(PipeConfig::default());
    far.send.send(&[wire::encode_accepted().unwrap()]).await.unwrap();
    let config = StreamingConfig::default();
    let source = BatchSource::open(
        near,
        &opening(resume),
        Arc::new(Unfenced),
        &config,
        Throttle::new(),
    )
    .await;
    assert_eq!(
        wire::decode_opening(&far.recv.recv().await.unwrap().unwrap()),
        Ok(opening(resume))
    );
    (source.unwrap(), far)
}

async fn refused(source: &mut BatchSource, peer: &mut Duplex) {
    let error = source.recv().await.unwrap_err();
    assert!(
        matches!(error, SourceError::Wire(_) | SourceError::Receipt { .. }),
        "{error:?}"
    );
    assert_eq!(source.recv().await, Err(SourceError::Torn));
    while let Ok(Some(_)) = peer.recv.recv().await {}
    assert_eq!(peer.recv.recv().await, Err(StreamError::Reset(ResetCode::Decode)));
}

#[tokio::test(start_paused = true)]
async fn batches_out_of_order_are_refused() {
    for second in [frames(0, b"b"), frames(2, b"b"), frames(1, b"a"), frames(1, b"A")] {
        let (mut source, mut peer) = accepted(None).await;
        peer.send.send(&frames(0, b"a")).await.unwrap();
        peer.send.send(&second).await.unwrap();
        assert_eq!(source.recv().await, Ok(Some(batch(b"a"))));
        refused(&mut source, &mut peer).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_from_before_the_resume_is_refused() {
    let (mut source, mut peer) = accepted(Some(b"m")).await;
    peer.send.send(&frames(0, b"m")).await.unwrap();
    refused(&mut source, &mut peer).await;
}

#[tokio::test(start_paused = true)]
async fn receipts_that_differ_are_refused() {
    let right = Receipt {
        batches: 1,
        rows: 1,
        bytes: 4,
        digest: crc32c::crc32c(b"rows"),
    };
    for wrong in [
        Receipt::default(),
        Receipt { batches: 2, ..right },
        Receipt { rows: 2, ..right },
        Receipt { bytes: 5, ..right },
        Receipt { digest: 0, ..right },
    ] {
        let (mut source, mut peer) = accepted(None).await;
        peer.send.send(&frames(0, b"a")).await.unwrap();
        peer.send.send(&[wire::encode_end(wrong).unwrap()]).await.unwrap();
        assert_eq!(source.recv().await, Ok(Some(batch(b"a"))));
        refused(&mut source, &mut peer).await;
    }
    let (mut source, mut peer) = accepted(None).await;
    peer.send.send(&frames(0, b"a")).await.unwrap();
    peer.send.send(&[wire::encode_end(right).unwrap()]).await.unwrap();
    assert_eq!(source.recv().await, Ok(Some(batch(b"a"))));
    assert_eq!(source.recv().await, Ok(None));
    assert_eq!(source.recv().await, Ok(None));
    assert_eq!(source.received(), right);
}

#[tokio::test(start_paused = true)]
async fn a_clean_end_without_a_receipt_is_no_end() {
    let (mut source, peer) = accepted(None).await;
    let Duplex { send, recv: _recv } = peer;
    let ending = tokio::spawn(send.finish());
    assert!(matches!(
        source.recv().await,
        Err(SourceError::Wire(WireError::OutOfTurn(_)))
    ));
    drop(ending.await);
}

#[tokio::test(start_paused = true)]
async fn corrupt_and_foreign_frames_are_refused() {
    let [header, _] = frames(0, b"a");
    for frame in [
        vec![Bytes::from_static(b"garbage")],
        vec![header.clone(), Bytes::from_static(b"rowz")],
        vec![header],
        vec![wire::encode_accepted().unwrap()],
        vec![wire::encode_refused(crate::Refusal::Busy).unwrap()],
    ] {
        let (mut source, mut peer) = accepted(None).await;
        peer.send.send(&frame).await.unwrap();
        refused(&mut source, &mut peer).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_before_the_answer_is_refused() {
    let (near, mut far) = pipe(PipeConfig::default());
    far.send.send(&frames(0, b"a")).await.unwrap();
    let config = StreamingConfig::default();
    let opened = BatchSource::open(near, &opening(None), Arc::new(Unfenced), &config, Throttle::new()).await;
    assert!(matches!(opened, Err(SourceError::Wire(WireError::OutOfTurn(_)))));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_accepted_before_the_end() {
    let (mut source, mut peer) = accepted(None).await;
    peer.send.send(&frames(0, b"a")).await.unwrap();
    source.recv().await.unwrap();
    assert_eq!(source.accept().await, Err(SourceError::Torn));
    assert_eq!(
        peer.recv.recv().await,
        Err(StreamError::Reset(ResetCode::Dropped))
    );
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_given_up_as_stalled_unless_it_says_that_it_waits() {
    let (mut source, mut peer) = accepted(None).await;
    let begun = Instant::now();
    let talking = tokio::spawn(async move {
        for _ in 0..5 {
            sleep(Duration::from_secs(20)).await;
            peer.send
                .send(&[wire::encode_source_waiting().unwrap()])
                .await
                .unwrap();
        }
        peer
    });
    let waited = StreamingConfig::default().stall_timeout;
    assert_eq!(source.recv().await, Err(SourceError::Stalled { waited }));
    assert_eq!(begun.elapsed(), Duration::from_secs(100) + waited);
    let mut peer = talking.await.unwrap();
    assert_eq!(
        peer.recv.recv().await,
        Err(StreamError::Reset(ResetCode::Stalled))
    );
}

#[tokio::test(start_paused = true)]
async fn a_receive_that_is_dropped_loses_no_batch() {
    let (mut source, mut peer) = accepted(None).await;
    for (sequence, last) in [(0, &b"a"[..]), (1, b"b")] {
        assert!(timeout(Duration::from_secs(1), source.recv()).await.is_err());
        peer.send.send(&frames(sequence, last)).await.unwrap();
        assert_eq!(source.recv().await, Ok(Some(batch(last))));
    }
}
