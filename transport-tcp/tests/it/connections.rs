//! Connections that come, break and are made anew.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use tidegate_transport::{ResetCode, StreamError, Transport, TransportError};
use tidegate_transport_tcp::authority::Authority;
use tidegate_transport_tcp::{Identity, TcpConfig, TcpLimits, TcpTransport};
use tokio::time::timeout;

use crate::network::{A, B, LONG, anywhere, bind, brisk, introduce, pair, stream};

#[tokio::test]
async fn a_disconnect_is_seen_at_both_ends_and_mended_by_the_next_open() {
    let (a, b) = pair();
    for cutter in [&a, &b] {
        let (mut near, mut far) = stream(&a, &b).await;
        cutter.disconnect(if cutter.local() == A { B } else { A });
        for end in [&mut near, &mut far] {
            assert_eq!(
                timeout(LONG, end.recv.recv()).await.unwrap(),
                Err(StreamError::Disconnected)
            );
            assert_eq!(
                timeout(LONG, end.send.stopped()).await.unwrap(),
                StreamError::Disconnected
            );
            let sent = end.send.send(&[Bytes::from_static(b"late")]).await;
            assert_eq!(sent, Err(StreamError::Disconnected));
        }
        stream(&a, &b).await;
        stream(&b, &a).await;
    }
}

/// Who saw one stream fail may not be given a connection that went with it and has not noticed yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_rests_is_given_to_nobody_once_a_stream_saw_the_disconnect() {
    let (a, b) = pair();
    for _ in 0..10 {
        let mut streams = Vec::new();
        for _ in 0..8 {
            streams.push(stream(&b, &a).await);
        }
        // Both halves of both ends: the connections come to rest.
        drop(streams);
        let (_near, mut far) = stream(&a, &b).await;
        a.disconnect(B);
        let seen = timeout(LONG, far.recv.recv()).await.unwrap();
        assert_eq!(seen, Err(StreamError::Disconnected));
        timeout(LONG, stream(&b, &a)).await.unwrap();
    }
}

#[tokio::test]
async fn both_may_connect_at_the_same_time() {
    for _ in 0..20 {
        let (a, b) = pair();
        let (to_b, to_a) = tokio::join!(timeout(LONG, a.open(B)), timeout(LONG, b.open(A)));
        let (mut to_b, mut to_a) = (to_b.unwrap().unwrap(), to_a.unwrap().unwrap());
        to_b.send.send(&[Bytes::from_static(b"from a")]).await.unwrap();
        to_a.send.send(&[Bytes::from_static(b"from b")]).await.unwrap();
        let (mut at_b, mut at_a) = (b.accept().await.unwrap(), a.accept().await.unwrap());
        assert_eq!(
            at_b.stream.recv.recv().await.unwrap().as_deref(),
            Some(&b"from a"[..])
        );
        assert_eq!(
            at_a.stream.recv.recv().await.unwrap().as_deref(),
            Some(&b"from b"[..])
        );
    }
}

/// Node 2 on a runtime of its own, which stops without a word when its first frame has come.
struct Vanishing {
    address: SocketAddr,
    gone: tokio::sync::oneshot::Receiver<()>,
    stop: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Vanishing {
    async fn start(identity: Identity) -> Self {
        let (tell_address, address) = tokio::sync::oneshot::channel();
        let (tell_gone, gone) = tokio::sync::oneshot::channel();
        let (stop, stopped) = sync_channel::<()>(1);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let b = runtime.block_on(async { bind(identity, brisk()) });
            tell_address.send(b.local_addr().unwrap()).unwrap();
            let _incoming = runtime.block_on(async {
                let mut incoming = b.accept().await.unwrap();
                incoming.stream.recv.recv().await.unwrap();
                incoming
            });
            // From here on nothing runs there, and nothing is closed. Not every test waits for it.
            let _unheard = tell_gone.send(()).is_err();
            stopped.recv().unwrap();
        });
        let address = address.await.unwrap();
        Self {
            address,
            gone,
            stop,
            thread,
        }
    }

    fn end(self) {
        self.stop.send(()).unwrap();
        self.thread.join().unwrap();
    }
}

#[tokio::test]
async fn a_peer_that_vanishes_is_missed_within_the_idle_timeout() {
    let authority = Authority::new("blue").unwrap();
    let a = bind(authority.issue(A).unwrap(), brisk());
    let b = Vanishing::start(authority.issue(B).unwrap()).await;
    a.set_peer_address(B, b.address).unwrap();
    let mut near = a.open(B).await.unwrap();
    near.send.send(&[Bytes::from_static(b"hello?")]).await.unwrap();
    let lost = timeout(LONG, near.recv.recv()).await.unwrap();
    assert_eq!(lost, Err(StreamError::Disconnected));
    let error = timeout(LONG, a.open(B)).await.unwrap().unwrap_err();
    assert!(matches!(error, TransportError::Unreachable { .. }), "{error}");
    b.end();
}

#[tokio::test]
async fn a_finish_that_nobody_acknowledges_ends_as_stalled() {
    let limits = TcpLimits {
        finish_deadline: Duration::from_millis(200),
        idle_timeout: LONG,
        ..brisk()
    };
    let authority = Authority::new("blue").unwrap();
    let a = bind(authority.issue(A).unwrap(), limits);
    let mut b = Vanishing::start(authority.issue(B).unwrap()).await;
    a.set_peer_address(B, b.address).unwrap();
    let mut near = a.open(B).await.unwrap();
    near.send.send(&[Bytes::from_static(b"hello?")]).await.unwrap();
    timeout(LONG, &mut b.gone).await.unwrap().unwrap();
    // The system there takes all of it, and nobody says so.
    let sent = async {
        let frame = [Bytes::from(vec![0; 256 << 10])];
        near.send.send(&frame).await.unwrap();
        near.send.finish().await
    };
    let finished = timeout(LONG, sent).await.unwrap();
    assert_eq!(finished, Err(StreamError::Reset(ResetCode::Stalled)));
    b.end();
}

#[tokio::test]
async fn a_peer_that_starts_anew_replaces_its_old_connection() {
    let authority = Authority::new("blue").unwrap();
    let a = bind(authority.issue(A).unwrap(), brisk());
    let b = bind(authority.issue(B).unwrap(), brisk());
    introduce(&a, &b);
    let (mut near, _far) = stream(&a, &b).await;
    // The same node again, at another address; of the first one's end nothing is said.
    let again = bind(authority.issue(B).unwrap(), brisk());
    introduce(&a, &again);
    let (_near, _far) = stream(&again, &a).await;
    assert_eq!(
        timeout(LONG, near.recv.recv()).await.unwrap(),
        Err(StreamError::Disconnected)
    );
    stream(&a, &again).await;
}

#[tokio::test]
async fn a_port_is_free_again_once_its_transport_has_ended() {
    let authority = Authority::new("blue").unwrap();
    let a = bind(authority.issue(A).unwrap(), brisk());
    let mut listen = anywhere();
    for _ in 0..3 {
        let config = TcpConfig {
            listen,
            identity: authority.issue(B).unwrap(),
            limits: brisk(),
        };
        let b = bind_when_free(config).await;
        listen = b.local_addr().unwrap();
        introduce(&a, &b);
        drop(stream(&a, &b).await);
        b.shutdown().await;
    }
}

/// The system may take a moment to give the port back after the last task has let go of it.
async fn bind_when_free(config: TcpConfig) -> Arc<TcpTransport> {
    let bound = async {
        loop {
            if let Ok(transport) = TcpTransport::bind(config.clone()) {
                return transport;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(LONG, bound).await.unwrap()
}

#[tokio::test]
async fn a_shutdown_ends_every_wait() {
    let (a, b) = pair();
    let (mut near, mut far) = stream(&a, &b).await;
    let accepting = tokio::spawn({
        let a = Arc::clone(&a);
        async move { a.accept().await }
    });
    let mut mine = a.open(A).await.unwrap();
    mine.send.send(&[Bytes::from_static(b"to myself")]).await.unwrap();
    timeout(LONG, a.shutdown()).await.unwrap();
    timeout(LONG, a.shutdown()).await.unwrap();
    // It got the stream to itself, and holds it, or nothing.
    let accepted = timeout(LONG, accepting).await.unwrap().unwrap();
    assert!(matches!(accepted, Ok(_) | Err(TransportError::ShutDown)));
    assert_eq!(a.accept().await.map(drop), Err(TransportError::ShutDown));
    assert_eq!(a.open(B).await.map(drop), Err(TransportError::ShutDown));
    assert_eq!(a.open(A).await.map(drop), Err(TransportError::ShutDown));
    assert_eq!(near.recv.recv().await, Err(StreamError::Disconnected));
    assert_eq!(mine.recv.recv().await, Err(StreamError::Disconnected));
    assert_eq!(
        timeout(LONG, far.recv.recv()).await.unwrap(),
        Err(StreamError::Disconnected)
    );
}

#[tokio::test]
async fn a_transport_that_is_dropped_is_gone() {
    let (a, b) = pair();
    let (_near, mut far) = stream(&a, &b).await;
    drop(a);
    assert_eq!(
        timeout(LONG, far.recv.recv()).await.unwrap(),
        Err(StreamError::Disconnected)
    );
}

#[tokio::test]
async fn a_node_has_streams_to_itself() {
    let (a, _b) = pair();
    let (mut near, mut far) = stream(&a, &a).await;
    far.send.send(&[Bytes::from_static(b"back")]).await.unwrap();
    assert_eq!(near.recv.recv().await.unwrap().as_deref(), Some(&b"back"[..]));
    a.disconnect(A);
    assert_eq!(near.recv.recv().await, Err(StreamError::Disconnected));
    stream(&a, &a).await;
}

#[tokio::test]
async fn an_open_that_is_given_up_takes_nobodys_connection_along() {
    let (a, b) = pair();
    // Polled once, so that it is the one that began to connect.
    assert!(timeout(Duration::ZERO, a.open(B)).await.is_err());
    stream(&a, &b).await;
}

/// Who has been told nothing of a peer, or nothing true any more, finds it where its own connections come from.
#[tokio::test]
async fn a_peer_that_has_moved_is_found_when_it_has_been_heard_of() {
    let authority = Authority::new("blue").unwrap();
    let a = bind(authority.issue(A).unwrap(), brisk());
    let b = bind(authority.issue(B).unwrap(), brisk());
    b.set_peer_address(A, a.local_addr().unwrap()).unwrap();
    let error = a.open(B).await.unwrap_err();
    assert!(matches!(error, TransportError::Unreachable { .. }), "{error}");
    stream(&b, &a).await;
    stream(&a, &b).await;
    // What is told counts more than what was heard before.
    let nowhere = std::net::TcpListener::bind(anywhere())
        .unwrap()
        .local_addr()
        .unwrap();
    a.set_peer_address(B, nowhere).unwrap();
    a.disconnect(B);
    let error = a.open(B).await.unwrap_err();
    assert!(matches!(error, TransportError::Unreachable { .. }), "{error}");
    b.disconnect(A);
    stream(&b, &a).await;
    stream(&a, &b).await;
}
