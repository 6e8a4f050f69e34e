//! Endpoints on loopback that know each other.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tidegate_transport::{Duplex, PeerId, Transport};
use tidegate_transport_tcp::authority::Authority;
use tidegate_transport_tcp::{Identity, TcpConfig, TcpLimits, TcpTransport};

pub(crate) const A: PeerId = PeerId::new(1);
pub(crate) const B: PeerId = PeerId::new(2);

/// Long enough for anything on loopback; a test that reaches it has failed.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// Limits whose waits are short enough to be waited for.
pub(crate) fn brisk() -> TcpLimits {
    TcpLimits {
        open_deadline: Duration::from_millis(200),
        connect_deadline: Duration::from_secs(2),
        finish_deadline: Duration::from_secs(5),
        idle_timeout: Duration::from_secs(2),
        ..TcpLimits::default()
    }
}

pub(crate) fn anywhere() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

pub(crate) fn bind(identity: Identity, limits: TcpLimits) -> Arc<TcpTransport> {
    TcpTransport::bind(TcpConfig {
        listen: anywhere(),
        identity,
        limits,
    })
    .unwrap()
}

pub(crate) fn introduce(one: &TcpTransport, other: &TcpTransport) {
    one.set_peer_address(other.local(), other.local_addr().unwrap())
        .unwrap();
    other
        .set_peer_address(one.local(), one.local_addr().unwrap())
        .unwrap();
}

/// Nodes 1 and 2 of one cluster.
pub(crate) fn pair_with(limits: &TcpLimits) -> (Arc<TcpTransport>, Arc<TcpTransport>) {
    let authority = Authority::new("blue").unwrap();
    let a = bind(authority.issue(A).unwrap(), limits.clone());
    let b = bind(authority.issue(B).unwrap(), limits.clone());
    introduce(&a, &b);
    (a, b)
}

pub(crate) fn pair() -> (Arc<TcpTransport>, Arc<TcpTransport>) {
    pair_with(&brisk())
}

/// A stream from one to the other that both have seen one frame of.
pub(crate) async fn stream(from: &TcpTransport, to: &TcpTransport) -> (Duplex, Duplex) {
    let mut near = from.open(to.local()).await.unwrap();
    near.send.send(&[Bytes::from_static(b"first")]).await.unwrap();
    let incoming = to.accept().await.unwrap();
    assert_eq!(incoming.peer, from.local());
    let mut far = incoming.stream;
    assert_eq!(far.recv.recv().await.unwrap().as_deref(), Some(&b"first"[..]));
    (near, far)
}
