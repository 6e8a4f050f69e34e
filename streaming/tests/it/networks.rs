//! The networks that tests run over.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_transport::{PeerId, Transport};
use tidegate_transport_mem::{MemConfig, MemNetwork};
use tidegate_transport_quic::authority::Authority;
use tidegate_transport_quic::{QuicConfig, QuicLimits, QuicTransport};
use tidegate_transport_tcp::{TcpConfig, TcpLimits, TcpTransport};

/// Which network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Mem,
    Quic,
    Tcp,
}

/// A network with nodes on it.
#[derive(Debug)]
pub(crate) struct Network {
    nodes: BTreeMap<PeerId, Arc<dyn Transport>>,
}

impl Network {
    pub(crate) async fn new(kind: Kind, peers: &[PeerId]) -> Self {
        let mut nodes = BTreeMap::<PeerId, Arc<dyn Transport>>::new();
        match kind {
            Kind::Mem => {
                let network = MemNetwork::new(MemConfig::default());
                for peer in peers {
                    nodes.insert(*peer, network.join(*peer).unwrap());
                }
            }
            Kind::Quic => {
                let authority = Authority::new("streaming-tests").unwrap();
                let bound: Vec<_> = peers.iter().map(|peer| bind(&authority, *peer)).collect();
                for node in &bound {
                    for other in &bound {
                        node.set_peer_address(other.local(), other.local_addr().unwrap())
                            .unwrap();
                    }
                    nodes.insert(node.local(), Arc::clone(node) as Arc<dyn Transport>);
                }
            }
            Kind::Tcp => {
                let authority = Authority::new("streaming-tests").unwrap();
                let bound: Vec<_> = peers.iter().map(|peer| bind_tcp(&authority, *peer)).collect();
                for node in &bound {
                    for other in &bound {
                        node.set_peer_address(other.local(), other.local_addr().unwrap())
                            .unwrap();
                    }
                    nodes.insert(node.local(), Arc::clone(node) as Arc<dyn Transport>);
                }
            }
        }
        Self { nodes }
    }

    pub(crate) fn transport(&self, peer: PeerId) -> Arc<dyn Transport> {
        Arc::clone(&self.nodes[&peer])
    }

    /// Cuts the connection between two nodes; later streams connect anew.
    pub(crate) fn cut(&self, a: PeerId, b: PeerId) {
        self.nodes[&a].disconnect(b);
    }
}

fn bind(authority: &Authority, peer: PeerId) -> Arc<QuicTransport> {
    let config = QuicConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        identity: authority.issue(peer).unwrap(),
        limits: QuicLimits::default(),
    };
    QuicTransport::bind(config).unwrap()
}

fn bind_tcp(authority: &Authority, peer: PeerId) -> Arc<TcpTransport> {
    let config = TcpConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        identity: authority.issue(peer).unwrap(),
        limits: TcpLimits::default(),
    };
    TcpTransport::bind(config).unwrap()
}
