//! The network of the demo: QUIC on loopback, or memory.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use tidegate_tablets::NodeId;
use tidegate_transport::{PeerId, Transport};
use tidegate_transport_mem::{MemConfig, MemNetwork};
use tidegate_transport_quic::authority::Authority;
use tidegate_transport_quic::{QuicConfig, QuicLimits, QuicTransport};

use super::super::args::TransportKind;

/// Every node's endpoint, each knowing how to reach the others.
pub(super) fn join_all(kind: TransportKind, nodes: &[NodeId]) -> Result<Vec<(NodeId, Arc<dyn Transport>)>> {
    match kind {
        TransportKind::Mem => {
            let network = MemNetwork::new(MemConfig::default());
            let join = |id: &NodeId| Ok((*id, network.join(peer(*id))? as Arc<dyn Transport>));
            nodes.iter().map(join).collect()
        }
        TransportKind::Quic => quic(nodes),
    }
}

fn quic(nodes: &[NodeId]) -> Result<Vec<(NodeId, Arc<dyn Transport>)>> {
    let authority = Authority::new("demo").context("making the cluster's authority")?;
    let mut endpoints = Vec::new();
    for id in nodes {
        let identity = authority
            .issue(peer(*id))
            .with_context(|| format!("a certificate for node {id}"))?;
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let config = QuicConfig {
            listen,
            identity,
            limits: QuicLimits::loopback(),
        };
        endpoints.push((
            *id,
            QuicTransport::bind(config).context("binding an endpoint on loopback")?,
        ));
    }
    for (_, endpoint) in &endpoints {
        for (id, other) in &endpoints {
            endpoint.set_peer_address(peer(*id), other.local_addr()?)?;
        }
    }
    Ok(endpoints
        .into_iter()
        .map(|(id, endpoint)| (id, endpoint as Arc<dyn Transport>))
        .collect())
}

fn peer(id: NodeId) -> PeerId {
    PeerId::new(id.as_u64())
}
