//! A network of a node that is fed and its peers.

use std::sync::Arc;

use tidegate_guard::FrozenGuard;
use tidegate_transport::service::{Hello, ServiceId};
use tidegate_transport::{PeerId, Transport};
use tidegate_transport_mem::{MemConfig, MemLimits, MemNetwork};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::hostile::Hostile;
use super::script::Script;
use super::session::frozen;
use super::small_pipe;

/// A network with small limits.
pub(crate) fn network() -> MemNetwork {
    let pipe = small_pipe();
    MemNetwork::new(MemConfig {
        limits: MemLimits {
            frame_max: pipe.frame_max,
            frames_in_flight: pipe.frames_in_flight,
            bytes_in_flight: pipe.bytes_in_flight,
            streams_per_peer: 16,
            ..MemLimits::default()
        },
        ..MemConfig::default()
    })
}

/// A node on the network.
pub(crate) fn lines(network: &MemNetwork, peer: PeerId) -> Arc<dyn Transport> {
    match network.join(peer) {
        Ok(transport) => transport,
        Err(error) => panic!("{error}"),
    }
}

/// Accepts every stream, reads its hello, and plays the next part of the script on it.
pub(crate) async fn play_all(transport: Arc<dyn Transport>, mut script: Script) {
    let mut streams = JoinSet::new();
    while let Ok(mut incoming) = transport.accept().await {
        let part = script.part();
        streams.spawn(async move {
            if let Ok(Some(_)) = incoming.stream.recv.recv().await {
                Hostile::new(incoming.stream, frozen(), part).play().await;
            }
        });
    }
}

/// Opens streams to `to`, one after the other or beside each other, and plays a part of the script on each.
pub(crate) async fn open_all(
    transport: Arc<dyn Transport>,
    to: PeerId,
    frozen: FrozenGuard,
    mut script: Script,
) {
    let mut streams = JoinSet::new();
    // The first byte of each is a hello's service; zero for none, so that the script says what comes first.
    while let Some(service) = script.step() {
        let (pause, part) = (script.pause(), script.part());
        if let Ok(mut stream) = transport.open(to).await {
            let hello = Hello::new(ServiceId::new(u16::from(service % 5)));
            if service % 5 == 0 || stream.send.send(&[hello.encode()]).await.is_ok() {
                streams.spawn(Hostile::new(stream, frozen, part).play());
            }
        }
        sleep(pause).await;
    }
    streams.join_all().await;
}
