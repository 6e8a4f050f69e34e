//! What only a pipe promises; the rest is in the conformance suite.

use std::time::Duration;

use bytes::Bytes;
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
