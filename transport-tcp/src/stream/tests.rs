//! What one end does by itself; two ends are in the driver's tests.

use super::*;

const BOUNDS: StreamBounds = StreamBounds {
    frame_max: 1 << 20,
    send_buffer: 1000,
    window: 1024,
    finish_deadline: Duration::from_secs(1),
};

fn speech(begun: bool) -> Speech {
    Speech {
        window: 1024,
        granted: 1024,
        begun,
        done: false,
    }
}

fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut context = Context::from_waker(Waker::noop());
    match Box::pin(future).as_mut().poll(&mut context) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}

/// Everything that is to be said now; and how many chunks.
fn said(stream: &Driven, speech: &mut Speech) -> (Standing, usize) {
    let mut outbox = Outbox::default();
    loop {
        let before = outbox.len();
        let standing = stream.say(speech, &mut outbox, &Context::from_waker(Waker::noop()));
        if outbox.len() == before {
            return (standing, before);
        }
    }
}

#[test]
fn a_stream_without_a_word_is_over_without_one() {
    let (driven, Duplex { send, recv }) = Stream::halves(BOUNDS);
    let mut speech = speech(false);
    assert_eq!(said(&driven, &mut speech), (Standing::Open, 0));
    drop(recv);
    assert_eq!(
        said(&driven, &mut speech),
        (Standing::Open, 0),
        "a stop begins nothing"
    );
    drop(send);
    assert_eq!(said(&driven, &mut speech), (Standing::Unheard, 0));
}

#[test]
fn a_frame_that_waits_for_room_was_not_sent() {
    let (driven, mut stream) = Stream::halves(BOUNDS);
    let frame = [Bytes::from(vec![0; 900])];
    assert_eq!(now(stream.send.send(&frame)), Some(Ok(())));
    assert_eq!(now(stream.send.send(&frame)), None);
    let mut speech = speech(true);
    let (_, chunks) = said(&driven, &mut speech);
    // The frame, its one piece, and the bytes of that.
    assert_eq!((chunks, speech.window), (3, 1024 - 64 - 900));
    assert_eq!(now(stream.send.send(&frame)), Some(Err(StreamError::Malformed)));
}

#[test]
fn the_window_is_given_back_as_frames_are_read() {
    let (driven, mut stream) = Stream::halves(BOUNDS);
    let mut speech = speech(true);
    for _ in 0..2 {
        assert!(driven.announce(300));
        assert!(driven.hold(300));
        driven.push(Bytes::from(vec![0; 300]));
    }
    assert_eq!(said(&driven, &mut speech).1, 0);
    assert!(matches!(now(stream.recv.recv()), Some(Ok(Some(_)))));
    assert_eq!((said(&driven, &mut speech).1, speech.granted), (1, 1024 + 364));
    assert!(matches!(now(stream.recv.recv()), Some(Ok(Some(_)))));
    assert_eq!((said(&driven, &mut speech).1, speech.granted), (1, 1024 + 728));
}

/// A frame longer than the window comes through while somebody waits for it, and only then.
#[test]
fn the_bytes_of_a_frame_that_somebody_waits_for_are_given_back() {
    let (driven, mut stream) = Stream::halves(BOUNDS);
    let mut speech = speech(true);
    assert!(driven.announce(5000) && driven.hold(900));
    assert_eq!(said(&driven, &mut speech).1, 0);
    assert_eq!(now(stream.recv.recv()), None);
    assert_eq!((said(&driven, &mut speech).1, speech.granted), (1, 1024 + 964));
    assert!(driven.hold(900));
    assert_eq!(said(&driven, &mut speech).1, 0, "nobody waits any more");
}

#[test]
fn a_lost_connection_leaves_a_direction_that_was_taken_whole() {
    let (driven, mut stream) = Stream::halves(BOUNDS);
    assert!(driven.announce(1) && driven.hold(1));
    driven.push(Bytes::from_static(b"1"));
    driven.finish();
    drop(driven);
    assert_eq!(now(stream.recv.recv()), Some(Ok(Some(Bytes::from_static(b"1")))));
    assert_eq!(now(stream.recv.recv()), Some(Ok(None)));
    assert_eq!(now(stream.send.stopped()), Some(StreamError::Disconnected));
}

/// The last thing that was said is the end: a drop then takes nothing back.
#[tokio::test]
async fn an_end_that_was_said_is_not_reset() {
    let (driven, Duplex { send, recv }) = Stream::halves(BOUNDS);
    let mut speech = speech(true);
    let mut finishing = Box::pin(send.finish());
    assert!(
        finishing
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    assert_eq!(said(&driven, &mut speech).1, 1);
    drop(finishing);
    assert_eq!(said(&driven, &mut speech).1, 0);
    assert!(driven.taken());
    driven.finish();
    drop(recv);
    // That all was taken, and that it is done.
    assert_eq!(said(&driven, &mut speech), (Standing::Done, 2));
    assert!(driven.is_over());
}
