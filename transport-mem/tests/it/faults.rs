//! Partitions, cuts, delays and losses.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tidegate_transport::{Duplex, PeerId, StreamError, Transport, TransportError};
use tidegate_transport_mem::{JoinError, LinkFaults, MemConfig, MemLimits, MemNetwork, MemTransport};
use tokio::time::Instant;

pub(crate) const A: PeerId = PeerId::new(1);
pub(crate) const B: PeerId = PeerId::new(2);

pub(crate) fn network(config: MemConfig) -> (MemNetwork, Arc<MemTransport>, Arc<MemTransport>) {
    let network = MemNetwork::new(config);
    let (a, b) = (network.join(A).unwrap(), network.join(B).unwrap());
    (network, a, b)
}

/// A stream from `from` to `to`, its hello read: (opener's end, acceptor's end).
pub(crate) async fn stream(from: &MemTransport, to: &MemTransport) -> (Duplex, Duplex) {
    let mut opened = from.open(to.local()).await.unwrap();
    opened.send.send(&[Bytes::from_static(b"hello")]).await.unwrap();
    let mut accepted = to.accept().await.unwrap();
    assert_eq!(accepted.peer, from.local());
    assert_eq!(
        accepted.stream.recv.recv().await.unwrap().as_deref(),
        Some(&b"hello"[..])
    );
    (opened, accepted.stream)
}

pub(crate) fn is_unreachable(opened: &Result<Duplex, TransportError>) -> bool {
    matches!(opened, Err(TransportError::Unreachable { .. }))
}

#[tokio::test]
async fn an_id_is_taken_until_its_transport_was_shut_down() {
    let (network, a, b) = network(MemConfig::default());
    assert_eq!(network.join(A).err(), Some(JoinError::Taken { peer: A }));
    let (_near, mut far) = stream(&a, &b).await;
    a.shutdown().await;
    assert_eq!(far.recv.recv().await, Err(StreamError::Disconnected));
    assert!(is_unreachable(&b.open(A).await));

    let again = network.join(A).unwrap();
    stream(&again, &b).await;
    stream(&b, &again).await;
    assert_eq!(a.open(B).await.err(), Some(TransportError::ShutDown));
    a.shutdown().await;
    drop(a);
    stream(&again, &b).await;
}

#[tokio::test]
async fn a_dropped_transport_leaves() {
    let (network, a, b) = network(MemConfig::default());
    let (_near, mut far) = stream(&a, &b).await;
    drop(a);
    assert_eq!(far.recv.recv().await, Err(StreamError::Disconnected));
    assert!(network.join(A).is_ok());
}

#[tokio::test]
async fn a_cut_ends_streams_and_nothing_else() {
    let (network, a, b) = network(MemConfig::default());
    let (mut near, mut far) = stream(&a, &b).await;
    let (mut back_near, _back_far) = stream(&b, &a).await;
    network.cut(B, A);
    assert_eq!(near.recv.recv().await, Err(StreamError::Disconnected));
    assert_eq!(far.send.stopped().await, StreamError::Disconnected);
    assert_eq!(back_near.recv.recv().await, Err(StreamError::Disconnected));
    stream(&a, &b).await;
}

#[tokio::test]
async fn a_partition_lasts_until_healed_and_spares_others() {
    let (network, a, b) = network(MemConfig::default());
    let c = network.join(PeerId::new(3)).unwrap();
    let (mut near, _far) = stream(&a, &b).await;
    network.partition(A, B);
    assert_eq!(near.recv.recv().await, Err(StreamError::Disconnected));
    assert!(is_unreachable(&a.open(B).await));
    assert!(is_unreachable(&b.open(A).await));
    stream(&a, &c).await;
    network.heal(B, A);
    stream(&a, &b).await;
    stream(&b, &a).await;
}

#[tokio::test]
async fn a_partition_one_way_spares_the_other() {
    let (network, a, b) = network(MemConfig::default());
    let (mut out, _far) = stream(&a, &b).await;
    let (mut back, mut back_far) = stream(&b, &a).await;
    network.partition_one_way(A, B);
    assert_eq!(out.recv.recv().await, Err(StreamError::Disconnected));
    assert!(is_unreachable(&a.open(B).await));
    back.send.send(&[Bytes::from_static(b"still")]).await.unwrap();
    assert_eq!(
        back_far.recv.recv().await.unwrap().as_deref(),
        Some(&b"still"[..])
    );
    stream(&b, &a).await;
}

#[tokio::test(start_paused = true)]
async fn delays_hold_for_open_streams_too() {
    let (network, a, b) = network(MemConfig::default());
    let (mut near, mut far) = stream(&a, &b).await;
    let delay = Duration::from_millis(30);
    network.set_delay(A, B, delay..=delay);
    let start = Instant::now();
    near.send.send(&[Bytes::from_static(b"late")]).await.unwrap();
    far.recv.recv().await.unwrap();
    assert_eq!(start.elapsed(), delay);
    far.send.send(&[Bytes::from_static(b"late")]).await.unwrap();
    near.recv.recv().await.unwrap();
    assert_eq!(start.elapsed(), 2 * delay);
}

#[tokio::test]
async fn a_lost_connection_takes_every_stream_along() {
    let (network, a, b) = network(MemConfig::default());
    let (mut near, mut far) = stream(&a, &b).await;
    let (mut idle, _idle_far) = stream(&b, &a).await;
    network.set_faults_one_way(
        A,
        B,
        LinkFaults {
            lose_connection: 1.0,
            ..LinkFaults::default()
        },
    );
    assert_eq!(
        near.send.send(&[Bytes::new()]).await,
        Err(StreamError::Disconnected)
    );
    assert_eq!(far.recv.recv().await, Err(StreamError::Disconnected));
    assert_eq!(idle.recv.recv().await, Err(StreamError::Disconnected));
    network.set_faults(
        A,
        B,
        LinkFaults {
            fail_open: 1.0,
            ..LinkFaults::default()
        },
    );
    assert!(is_unreachable(&a.open(B).await));
    network.set_faults(A, B, LinkFaults::default());
    stream(&a, &b).await;
}

#[tokio::test]
async fn healing_all_ends_whatever_was_wrong_anywhere() {
    let faults = LinkFaults {
        fail_open: 1.0,
        ..LinkFaults::default()
    };
    let (network, a, b) = network(MemConfig::default());
    let c = network.join(PeerId::new(3)).unwrap();
    network.partition(A, B);
    network.silence(B, A);
    network.set_faults_everywhere(&faults);
    assert!(is_unreachable(&a.open(c.local()).await));
    network.set_faults(B, c.local(), faults);
    network.heal_all();
    for (from, to) in [(&a, &b), (&b, &a), (&a, &c), (&c, &a), (&b, &c), (&c, &b)] {
        stream(from, to).await;
    }
}

#[tokio::test]
async fn two_networks_know_nothing_of_each_other() {
    let (_one, a, _b) = network(MemConfig::default());
    let (_two, _a, b) = network(MemConfig::default());
    stream(&a, &_b).await;
    let waiting = tokio::spawn(async move { b.accept().await });
    let _stream = a.open(B).await.unwrap();
    assert!(!waiting.is_finished());
    waiting.abort();
}

#[tokio::test]
async fn limits_are_those_of_each_node() {
    let network = MemNetwork::new(MemConfig::default());
    let small = MemLimits {
        frame_max: 8,
        ..MemLimits::default()
    };
    let (a, b) = (network.join(A).unwrap(), network.join_with(B, small).unwrap());
    let (mut near, mut far) = stream(&a, &b).await;
    assert_eq!(
        far.send.send(&[Bytes::from_static(b"nine bytes")]).await,
        Err(StreamError::FrameTooLarge { len: 10, max: 8 })
    );
    near.send
        .send(&[Bytes::from_static(b"nine bytes")])
        .await
        .unwrap();
    assert_eq!(
        far.recv.recv().await,
        Err(StreamError::FrameTooLarge { len: 10, max: 8 })
    );
}
