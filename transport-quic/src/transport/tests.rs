//! What only shows inside: how many connections there are.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;

use super::*;
use crate::authority::Authority;
use crate::close::CloseCode;
use crate::link::Link;

const A: PeerId = PeerId::new(1);
const B: PeerId = PeerId::new(2);
const LONG: Duration = Duration::from_secs(20);

fn pair() -> (Arc<QuicTransport>, Arc<QuicTransport>) {
    pair_with(&QuicLimits::default())
}

fn pair_with(limits: &QuicLimits) -> (Arc<QuicTransport>, Arc<QuicTransport>) {
    let authority = Authority::new("blue").unwrap();
    let bind = |node| {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let identity = authority.issue(node).unwrap();
        QuicTransport::bind(QuicConfig {
            listen,
            identity,
            limits: limits.clone(),
        })
        .unwrap()
    };
    let (a, b) = (bind(A), bind(B));
    a.set_peer_address(B, b.local_addr().unwrap()).unwrap();
    b.set_peer_address(A, a.local_addr().unwrap()).unwrap();
    (a, b)
}

fn link(of: &QuicTransport, to: PeerId) -> Option<Arc<Link>> {
    match of.peer(to).unwrap().next() {
        Next::Use(link) => Some(link),
        _ => None,
    }
}

#[tokio::test]
async fn concurrent_opens_share_one_attempt() {
    let (a, b) = pair();
    let mut opening = JoinSet::new();
    for _ in 0..50 {
        let a = Arc::clone(&a);
        opening.spawn(async move { a.open(B).await.map(drop) });
    }
    for opened in opening.join_all().await {
        opened.unwrap();
    }
    assert_eq!(a.node.endpoint().stats().outgoing_handshakes, 1);
    assert_eq!(b.node.endpoint().stats().accepted_handshakes, 1);
}

/// Both ends settle on the connection that the lower id made, also when each dials before it hears of the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_ends_settle_on_one_connection() {
    for _ in 0..20 {
        let (a, b) = pair();
        let (to_b, to_a) = tokio::join!(timeout(LONG, a.open(B)), timeout(LONG, b.open(A)));
        let (mut to_b, mut to_a) = (to_b.unwrap().unwrap(), to_a.unwrap().unwrap());
        for stream in [&mut to_b, &mut to_a] {
            stream.send.send(&[Bytes::from_static(b"hello")]).await.unwrap();
        }
        let (mut at_b, mut at_a) = (b.accept().await.unwrap(), a.accept().await.unwrap());
        for stream in [&mut at_b.stream, &mut at_a.stream] {
            assert_eq!(
                timeout(LONG, stream.recv.recv()).await.unwrap().unwrap().unwrap(),
                b"hello"[..]
            );
        }
        let (one, other) = (link(&a, B).unwrap(), link(&b, A).unwrap());
        // The same connection: what closes one end closes the other.
        one.close(CloseCode::Disconnect);
        timeout(LONG, other.closed()).await.unwrap();
    }
}

/// An end that has a link tells the other, which dials all the same, that its own is redundant; it then insists.
#[tokio::test]
async fn who_insists_gets_a_connection_of_its_own() {
    let (a, b) = pair();
    drop(a.open(B).await.unwrap());
    let old = link(&b, A).unwrap();
    // `a` forgets its link without a word, as if the close had been lost on the way.
    let forgotten = a.peer(B).unwrap().take().unwrap();
    let mut near = timeout(LONG, a.open(B)).await.unwrap().unwrap();
    near.send.send(&[Bytes::from_static(b"anew")]).await.unwrap();
    timeout(LONG, old.closed()).await.unwrap();
    timeout(LONG, forgotten.closed()).await.unwrap();
    let new = link(&b, A).unwrap();
    assert!(new.is_alive() && !Arc::ptr_eq(&new, &old));
}

/// Sends so many frames of 1 MiB, which the other end reads.
async fn carry(a: &QuicTransport, b: &QuicTransport, frames: usize) {
    const FRAME: usize = 1 << 20;
    let mut near = a.open(B).await.unwrap();
    let sending = async {
        for _ in 0..frames {
            near.send.send(&[Bytes::from(vec![7; FRAME])]).await.unwrap();
        }
        near.send.finish().await.unwrap();
    };
    let receiving = async {
        let mut far = b.accept().await.unwrap().stream;
        let mut read = 0;
        while let Some(frame) = far.recv.recv().await.unwrap() {
            read += frame.len();
        }
        assert_eq!(read, frames * FRAME);
    };
    timeout(LONG, async { tokio::join!(sending, receiving) })
        .await
        .unwrap();
}

/// Without the cap on what goes to the kernel at once nothing would arrive once the path is found to carry that much.
#[tokio::test]
async fn a_path_that_carries_jumbo_frames_is_found_and_used() {
    let (a, b) = pair();
    let found = async {
        loop {
            carry(&a, &b, 8).await;
            let mtu = link(&a, B).unwrap().path().current_mtu;
            if mtu == crate::MTU_JUMBO {
                break;
            }
        }
    };
    timeout(LONG, found).await.expect("the path is found");
    carry(&a, &b, 32).await;
    let path = link(&a, B).unwrap().path();
    assert_eq!(path.black_holes_detected, 0);
}

/// CUBIC's first window must hold a datagram.
#[tokio::test]
async fn the_largest_datagrams_there_are_carry_a_stream() {
    let (a, b) = pair_with(&QuicLimits::loopback());
    carry(&a, &b, 64).await;
    let mtu = link(&a, B).unwrap().path().current_mtu;
    assert_eq!(mtu, QuicLimits::loopback().mtu_max);
}
