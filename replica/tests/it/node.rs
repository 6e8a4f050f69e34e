//! One node of a test's cluster, and the networks it may be on.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tidegate_inject::Injector;
use tidegate_replica::{Replica, ReplicaConfig, ReplicaParts};
use tidegate_session::{SessionConfig, SessionRegistry, Sessions};
use tidegate_streaming::{StreamingConfig, StreamingContext};
use tidegate_tablets::{LocalStore, NodeId};
use tidegate_transport::service::{Router, RouterConfig};
use tidegate_transport::{PeerId, Transport};
use tidegate_transport_mem::{MemConfig, MemNetwork};
use tidegate_transport_quic::authority::Authority;
use tidegate_transport_quic::{Identity, QuicConfig, QuicLimits, QuicTransport};
use tidegate_transport_tcp::{TcpConfig, TcpLimits, TcpTransport};
use tokio::task::JoinHandle;

use crate::cluster::n;
use crate::data::TestData;

/// The network to run on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Network {
    Mem,
    Quic,
    Tcp,
}

pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) store: Arc<LocalStore>,
    pub(crate) sessions: Arc<SessionRegistry>,
    pub(crate) data: Arc<TestData>,
    pub(crate) injector: Injector,
    pub(crate) streaming: StreamingContext,
    pub(crate) replica: Arc<Replica>,
    router: JoinHandle<()>,
}

impl Node {
    pub(crate) fn start(
        id: NodeId,
        transport: Arc<dyn Transport>,
        store: Arc<LocalStore>,
        data: Arc<TestData>,
        injector: Injector,
    ) -> Self {
        let sessions = SessionRegistry::new(SessionConfig::default());
        let streaming = StreamingContext::new(StreamingConfig::default()).with_injector(injector.clone());
        let replica = Replica::start(ReplicaParts {
            node: id,
            store: Arc::clone(&store) as _,
            sessions: Arc::clone(&sessions) as Arc<dyn Sessions>,
            storage: Arc::clone(&data) as _,
            transport: Arc::clone(&transport),
            streaming: streaming.clone(),
            config: ReplicaConfig::default(),
        });
        let mut router = Router::new(Arc::clone(&transport), RouterConfig::default());
        for (service, serves) in replica.services() {
            router = router.with(service, serves);
        }
        let router = tokio::spawn(async move { router.run().await });
        Self {
            id,
            transport,
            store,
            sessions,
            data,
            injector,
            streaming,
            replica,
            router,
        }
    }

    /// Stops at once, as a crash does, and gives back what survives it.
    pub(crate) fn crash(self) -> (NodeId, Arc<dyn Transport>, Arc<TestData>) {
        self.router.abort();
        (self.id, self.transport, self.data)
    }
}

pub(crate) fn transports(network: Network) -> BTreeMap<NodeId, Arc<dyn Transport>> {
    match network {
        Network::Mem => {
            let network = MemNetwork::new(MemConfig::default());
            (1..=4)
                .map(|id| {
                    (
                        n(id),
                        network.join(PeerId::new(id)).unwrap() as Arc<dyn Transport>,
                    )
                })
                .collect()
        }
        Network::Quic => quic(),
        Network::Tcp => tcp(),
    }
}

fn quic() -> BTreeMap<NodeId, Arc<dyn Transport>> {
    let bind = |listen, identity| {
        let limits = QuicLimits::loopback();
        QuicTransport::bind(QuicConfig {
            listen,
            identity,
            limits,
        })
        .unwrap()
    };
    let nodes = bind_all(bind);
    for node in &nodes {
        for peer in &nodes {
            node.set_peer_address(peer.local(), peer.local_addr().unwrap())
                .unwrap();
        }
    }
    by_id(nodes)
}

fn tcp() -> BTreeMap<NodeId, Arc<dyn Transport>> {
    let bind = |listen, identity| {
        let limits = TcpLimits::default();
        TcpTransport::bind(TcpConfig {
            listen,
            identity,
            limits,
        })
        .unwrap()
    };
    let nodes = bind_all(bind);
    for node in &nodes {
        for peer in &nodes {
            node.set_peer_address(peer.local(), peer.local_addr().unwrap())
                .unwrap();
        }
    }
    by_id(nodes)
}

fn bind_all<T>(bind: impl Fn(SocketAddr, Identity) -> Arc<T>) -> Vec<Arc<T>> {
    let authority = Authority::new("test").unwrap();
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let bind = |id| bind(listen, authority.issue(PeerId::new(id)).unwrap());
    (1..=4).map(bind).collect()
}

fn by_id<T: Transport>(nodes: Vec<Arc<T>>) -> BTreeMap<NodeId, Arc<dyn Transport>> {
    nodes
        .into_iter()
        .map(|node| (n(node.local().as_u64()), node as Arc<dyn Transport>))
        .collect()
}
