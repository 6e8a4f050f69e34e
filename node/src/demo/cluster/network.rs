//! The network of the demo: QUIC or TCP on loopback, or memory.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result};
use tidegate_tablets::NodeId;
use tidegate_transport::{PeerId, Transport};
use tidegate_transport_mem::{MemConfig, MemNetwork};
use tidegate_transport_quic::QuicLimits;
use tidegate_transport_quic::authority::Authority;

use super::super::args::TransportKind;
use crate::network::{Network, NetworkKind};

/// Every node's endpoint, each knowing how to reach the others.
pub(super) fn join_all(kind: TransportKind, nodes: &[NodeId]) -> Result<Vec<(NodeId, Arc<dyn Transport>)>> {
    match kind {
        TransportKind::Mem => {
            let network = MemNetwork::new(MemConfig::default());
            let join = |id: &NodeId| Ok((*id, network.join(peer(*id))? as Arc<dyn Transport>));
            nodes.iter().map(join).collect()
        }
        TransportKind::Quic => on_loopback(NetworkKind::Quic, nodes),
        TransportKind::Tcp => on_loopback(NetworkKind::Tcp, nodes),
    }
}

fn on_loopback(kind: NetworkKind, nodes: &[NodeId]) -> Result<Vec<(NodeId, Arc<dyn Transport>)>> {
    let authority = Authority::new("demo").context("making the cluster's authority")?;
    let mut endpoints = Vec::new();
    for id in nodes {
        let identity = authority
            .issue(peer(*id))
            .with_context(|| format!("a certificate for node {id}"))?;
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let endpoint = Network::bind(kind, listen, identity, QuicLimits::loopback());
        endpoints.push((*id, endpoint.context("binding an endpoint on loopback")?));
    }
    for (_, endpoint) in &endpoints {
        for (id, other) in &endpoints {
            endpoint.set_peer_address(peer(*id), other.local_addr()?)?;
        }
    }
    Ok(endpoints
        .into_iter()
        .map(|(id, endpoint)| (id, endpoint.transport()))
        .collect())
}

fn peer(id: NodeId) -> PeerId {
    PeerId::new(id.as_u64())
}
