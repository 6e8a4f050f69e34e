//! What only a pipe promises; the rest is in the conformance suite.

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use tokio::time::Instant;

use super::*;
use crate::{ResetCode, StreamError};

#[derive(Debug)]
struct Steps(Vec<u64>);

impl Wire for Steps {
    fn delay(&mut self, _bytes: usize) -> Duration {
        Duration::from_millis(self.0.pop().unwrap_or(0))
    }
}

fn small() -> PipeConfig {
    PipeConfig {
        frame_max: 8,
        frames_in_flight: 2,
        bytes_in_flight: 8,
    }
}

fn delayed(steps: &[u64]) -> PipeEnd {
    PipeEnd {
        config: small(),
        wire: Some(Box::new(Steps(steps.iter().rev().copied().collect()))),
    }
}

fn blocked<F: Future>(future: F) -> bool {
    let mut future = Box::pin(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    future.as_mut().poll(&mut context).is_pending()
}

#[tokio::test]
async fn frames_and_bytes_in_flight_are_bounded() {
    let (mut near, _far) = pipe(small());
    near.send.send(&[Bytes::from_static(b"1")]).await.unwrap();
    near.send.send(&[Bytes::new()]).await.unwrap();
    assert!(
        blocked(near.send.send(&[Bytes::new()])),
        "two frames are in flight"
    );

    let (mut near, _far) = pipe(small());
    near.send.send(&[Bytes::from_static(b"12345678")]).await.unwrap();
    assert!(
        blocked(near.send.send(&[Bytes::from_static(b"9")])),
        "eight bytes are in flight"
    );
}

#[tokio::test]
async fn a_send_that_was_dropped_leaves_a_stream_that_only_fails() {
    let (mut near, mut far) = pipe(PipeConfig {
        frames_in_flight: 1,
        ..small()
    });
    near.send.send(&[Bytes::from_static(b"1")]).await.unwrap();
    assert!(blocked(near.send.send(&[Bytes::from_static(b"2")])));
    assert_eq!(
        near.send.send(&[Bytes::from_static(b"3")]).await,
        Err(StreamError::Malformed)
    );
    assert_eq!(near.send.finish().await, Err(StreamError::Malformed));
    assert_eq!(far.recv.recv().await, Err(StreamError::Reset(ResetCode::Dropped)));
}

#[tokio::test(start_paused = true)]
async fn delayed_frames_keep_their_order() {
    let Pipe {
        mut near, mut far, ..
    } = pipe_between(delayed(&[50, 10, 0]), PipeEnd::default());
    let start = Instant::now();
    near.send.send(&[Bytes::from_static(b"1")]).await.unwrap();
    near.send.send(&[Bytes::from_static(b"2")]).await.unwrap();
    assert_eq!(far.recv.recv().await, Ok(Some(Bytes::from_static(b"1"))));
    assert_eq!(start.elapsed(), Duration::from_millis(50));
    assert_eq!(far.recv.recv().await, Ok(Some(Bytes::from_static(b"2"))));
    near.send.finish().await.unwrap();
    assert_eq!(far.recv.recv().await, Ok(None));
    assert_eq!(start.elapsed(), Duration::from_millis(50));
}

#[tokio::test(start_paused = true)]
async fn finish_waits_until_the_end_has_arrived() {
    let Pipe { near, far, .. } = pipe_between(delayed(&[70]), PipeEnd::default());
    let start = Instant::now();
    near.send.finish().await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_millis(70));
    drop(far);
}

#[tokio::test(start_paused = true)]
async fn a_cut_loses_what_is_on_the_way_and_keeps_what_has_arrived_whole() {
    let Pipe {
        mut near,
        mut far,
        line,
    } = pipe_between(delayed(&[5, 70]), PipeEnd::default());
    near.send.send(&[Bytes::from_static(b"1")]).await.unwrap();
    let finish = tokio::spawn(near.send.finish());
    tokio::time::sleep(Duration::from_millis(10)).await;
    line.cut();
    assert_eq!(finish.await.unwrap(), Err(StreamError::Disconnected));
    assert_eq!(far.recv.recv().await, Err(StreamError::Disconnected));
    assert_eq!(far.send.stopped().await, StreamError::Disconnected);

    let Pipe {
        mut near,
        mut far,
        line,
    } = pipe_between(delayed(&[]), PipeEnd::default());
    near.send.send(&[Bytes::from_static(b"1")]).await.unwrap();
    near.send.finish().await.unwrap();
    line.cut();
    assert_eq!(far.recv.recv().await, Ok(Some(Bytes::from_static(b"1"))));
    assert_eq!(far.recv.recv().await, Ok(None));
}

#[tokio::test]
async fn a_cut_of_one_end_is_not_told_to_the_other() {
    let Pipe {
        mut near,
        mut far,
        line,
    } = pipe_between(PipeEnd::default(), PipeEnd::default());
    near.send.send(&[Bytes::from_static(b"1")]).await.unwrap();
    line.cut_end(End::Near);
    assert_eq!(near.recv.recv().await, Err(StreamError::Disconnected));
    assert_eq!(
        near.send.send(&[Bytes::new()]).await,
        Err(StreamError::Disconnected)
    );
    assert_eq!(far.recv.recv().await, Ok(Some(Bytes::from_static(b"1"))));
    assert!(blocked(far.recv.recv()));
    far.send.send(&[Bytes::new()]).await.unwrap();
    assert!(blocked(far.send.stopped()));
    line.cut_end(End::Far);
    assert_eq!(far.recv.recv().await, Err(StreamError::Disconnected));
    assert_eq!(far.send.stopped().await, StreamError::Disconnected);
}

#[tokio::test]
async fn the_first_cause_stays() {
    let Pipe { near, mut far, line } = pipe_between(PipeEnd::default(), PipeEnd::default());
    near.send.reset(ResetCode::DiskFull);
    line.cut();
    assert_eq!(
        far.recv.recv().await,
        Err(StreamError::Reset(ResetCode::DiskFull))
    );
    assert_eq!(
        far.recv.recv().await,
        Err(StreamError::Reset(ResetCode::DiskFull))
    );
}

/// What a test does to one direction of a pipe; a call that would wait is dropped.
#[derive(Debug, Clone, Copy)]
enum Step {
    Send(usize),
    Recv,
    Finish,
    Reset,
    Stop,
    Cut,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0_usize..10).prop_map(Step::Send),
        8 => Just(Step::Recv),
        1 => Just(Step::Finish),
        1 => Just(Step::Reset),
        1 => Just(Step::Stop),
        1 => Just(Step::Cut),
    ];
    proptest::collection::vec(step, 0..60)
}

fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match Box::pin(future).as_mut().poll(&mut context) {
        std::task::Poll::Ready(done) => Some(done),
        std::task::Poll::Pending => None,
    }
}

proptest! {
    #[test]
    fn whatever_happens_what_arrives_is_a_prefix_and_an_end_is_a_finish(steps in steps()) {
        let end = || PipeEnd { config: small(), wire: None };
        let Pipe { near, far, line } = pipe_between(end(), end());
        let (mut sender, mut receiver) = (Some(near.send), Some(far.recv));
        let (mut sent, mut received, mut finished) = (Vec::new(), Vec::new(), false);
        let mut failure = None;
        for (index, step) in steps.into_iter().enumerate() {
            match step {
                Step::Send(len) => if let Some(half) = &mut sender {
                    let frame = Bytes::from(vec![u8::try_from(index).unwrap(); len]);
                    if now(half.send(std::slice::from_ref(&frame))) == Some(Ok(())) {
                        sent.push(frame);
                    }
                },
                Step::Recv => if let Some(half) = &mut receiver {
                    match now(half.recv()) {
                        Some(Ok(Some(frame))) => {
                            prop_assert_eq!(failure, None);
                            received.push(frame);
                        }
                        Some(Ok(None)) => {
                            prop_assert!(finished, "an end that nobody sent");
                            prop_assert_eq!(&received, &sent);
                        }
                        Some(Err(error)) => prop_assert_eq!(*failure.get_or_insert(error), error),
                        None => prop_assert_eq!(&received, &sent),
                    }
                },
                Step::Finish => if let Some(half) = sender.take() {
                    finished = now(half.finish()).expect("without delays a finish does not wait").is_ok();
                },
                Step::Reset => if let Some(half) = sender.take() { half.reset(ResetCode::Aborted) },
                Step::Stop => if let Some(half) = receiver.take() { half.stop(ResetCode::UnitGone) },
                Step::Cut => line.cut(),
            }
            prop_assert_eq!(&received[..], &sent[..received.len()]);
            let flying = &sent[received.len()..];
            if receiver.is_some() && failure.is_none() {
                prop_assert!(flying.len() <= small().frames_in_flight);
                prop_assert!(flying.iter().map(Bytes::len).sum::<usize>() <= small().bytes_in_flight);
            }
        }
    }
}
