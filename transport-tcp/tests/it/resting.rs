//! Connections that rest between two streams, and those that do not.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tidegate_transport::{Duplex, StreamError, Transport};
use tidegate_transport_tcp::authority::Authority;
use tidegate_transport_tcp::{TcpLimits, TcpTransport};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::network::{A, B, LONG, anywhere, bind, brisk, stream};

/// Stands before a node and counts the connections that go through.
struct Counted {
    address: SocketAddr,
    count: Arc<AtomicUsize>,
}

impl Counted {
    async fn before(node: &TcpTransport) -> Self {
        let listener = TcpListener::bind(anywhere()).await.unwrap();
        let (address, to) = (listener.local_addr().unwrap(), node.local_addr().unwrap());
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        tokio::spawn(async move {
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(to).await.unwrap();
                    // However it ends, it was counted.
                    let _ended = tokio::io::copy_bidirectional(&mut near, &mut far).await.is_ok();
                });
            }
        });
        Self { address, count }
    }

    fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

async fn counted_pair(limits: &TcpLimits) -> (Arc<TcpTransport>, Arc<TcpTransport>, Counted) {
    let authority = Authority::new("blue").unwrap();
    let a = bind(authority.issue(A).unwrap(), limits.clone());
    let b = bind(authority.issue(B).unwrap(), limits.clone());
    let counted = Counted::before(&b).await;
    a.set_peer_address(B, counted.address).unwrap();
    (a, b, counted)
}

/// Ends both directions, and reads both ends.
async fn end(near: Duplex, far: Duplex) {
    let (mut from_near, mut from_far) = (near.recv, far.recv);
    let (one, other) = tokio::join!(near.send.finish(), far.send.finish());
    one.unwrap();
    other.unwrap();
    assert_eq!(from_near.recv().await, Ok(None));
    assert_eq!(from_far.recv().await, Ok(None));
}

/// As many connections as streams that were open at once, however many there were one after the other.
#[tokio::test]
async fn streams_that_ended_cleanly_leave_their_connection_to_the_next() {
    // One at a time: the next open waits until the last stream is over at both ends.
    let limits = TcpLimits {
        streams_per_peer: 1,
        open_deadline: LONG,
        ..brisk()
    };
    let (a, b, counted) = counted_pair(&limits).await;
    for _ in 0..20 {
        let (near, far) = stream(&a, &b).await;
        end(near, far).await;
    }
    assert_eq!(counted.count(), 1);
}

/// A quorum's slowest answer is waited for by nobody: such a call must not cost the next one a handshake.
#[tokio::test]
async fn a_stream_that_was_cut_short_leaves_its_connection_to_the_next() {
    let limits = TcpLimits {
        streams_per_peer: 1,
        open_deadline: LONG,
        ..brisk()
    };
    let (a, b, counted) = counted_pair(&limits).await;
    for round in 0..20_u8 {
        let (mut near, mut far) = stream(&a, &b).await;
        let frame = Bytes::from(vec![round; 200_000]);
        match round % 4 {
            0 => drop((near, far)),
            // The opener goes while it is answered, and while it sends.
            1 => {
                far.send.send(&[frame]).await.unwrap();
                drop(near);
                assert!(matches!(far.send.stopped().await, StreamError::Reset(_)));
            }
            2 => {
                near.send.send(&[frame]).await.unwrap();
                drop(near);
                while let Ok(Some(frame)) = far.recv.recv().await {
                    assert!(frame.iter().all(|byte| *byte == round));
                }
            }
            // The other end wants no more of it.
            _ => {
                near.send.send(&[frame]).await.unwrap();
                drop(far);
                assert!(matches!(near.send.stopped().await, StreamError::Reset(_)));
            }
        }
    }
    // The first words of each were those that it was sent: see `stream`.
    assert_eq!(counted.count(), 1);
}

/// A stream of which the peer never heard is no stream: its connection carries the next.
#[tokio::test]
async fn a_stream_without_a_word_leaves_its_connection() {
    let limits = TcpLimits {
        streams_per_peer: 1,
        open_deadline: LONG,
        ..brisk()
    };
    let (a, b, counted) = counted_pair(&limits).await;
    for _ in 0..5 {
        drop(timeout(LONG, a.open(B)).await.unwrap().unwrap());
    }
    stream(&a, &b).await;
    assert_eq!(counted.count(), 1);
}

#[tokio::test]
async fn a_connection_rests_no_longer_than_it_may() {
    let limits = TcpLimits {
        resting_per_peer: 0,
        streams_per_peer: 1,
        open_deadline: LONG,
        ..brisk()
    };
    let (a, b, counted) = counted_pair(&limits).await;
    for round in 1..=3 {
        let (near, far) = stream(&a, &b).await;
        end(near, far).await;
        assert_eq!(counted.count(), round);
    }
}

/// A send half that goes without a word is a reset, of which the other half hears.
#[tokio::test]
async fn a_half_that_goes_without_a_word_ends_the_stream_for_the_other() {
    let (a, b, _counted) = counted_pair(&brisk()).await;
    let Duplex { send, mut recv } = a.open(B).await.unwrap();
    drop(send);
    let ended = timeout(LONG, recv.recv()).await.unwrap();
    assert!(matches!(ended, Err(StreamError::Reset(_))), "{ended:?}");
    // Nobody was troubled with it: the next that is accepted is the next that spoke.
    let mut near = a.open(B).await.unwrap();
    near.send.send(&[Bytes::from_static(b"spoke")]).await.unwrap();
    let mut incoming = timeout(LONG, b.accept()).await.unwrap().unwrap();
    assert_eq!(incoming.stream.recv.recv().await.unwrap().unwrap(), b"spoke"[..]);
}

/// Longer than the idle timeout without a word of theirs: both ends are there, and that is enough.
#[tokio::test]
async fn a_silent_stream_lives_as_long_as_its_ends() {
    let limits = TcpLimits {
        idle_timeout: std::time::Duration::from_secs(1),
        ..brisk()
    };
    let (a, b, _counted) = counted_pair(&limits).await;
    let (mut near, mut far) = stream(&a, &b).await;
    let quiet = timeout(4 * limits.idle_timeout, near.send.stopped()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    near.send.send(&[Bytes::from_static(b"still")]).await.unwrap();
    assert_eq!(far.recv.recv().await.unwrap().unwrap(), b"still"[..]);
}
