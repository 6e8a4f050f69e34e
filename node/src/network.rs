//! The network between nodes: one of two, by configuration. What only binding and feeding one needs; all else knows
//! the contract.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::Deserialize;
use tidegate_transport::{PeerId, Transport, TransportError};
use tidegate_transport_quic::{Identity, IdentityError, QuicConfig, QuicLimits, QuicTransport};
use tidegate_transport_tcp::{TcpConfig, TcpLimits, TcpTransport};

use crate::config::QuicPath;

/// What nodes talk to each other over: all nodes of a cluster over the same.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NetworkKind {
    /// Over UDP; goes well with loss and long ways.
    #[default]
    Quic,
    /// Over TCP, for a data centre, where QUIC's work per packet is the limit.
    Tcp,
}

/// A node's transport, bound.
#[derive(Debug, Clone)]
pub(crate) enum Network {
    Quic(Arc<QuicTransport>),
    Tcp(Arc<TcpTransport>),
}

impl Network {
    pub(crate) fn bind(
        kind: NetworkKind,
        listen: SocketAddr,
        identity: Identity,
        quic: QuicLimits,
    ) -> anyhow::Result<Self> {
        Ok(match kind {
            NetworkKind::Quic => Self::Quic(QuicTransport::bind(QuicConfig {
                listen,
                identity,
                limits: quic,
            })?),
            NetworkKind::Tcp => Self::Tcp(TcpTransport::bind(TcpConfig {
                listen,
                identity,
                limits: TcpLimits::default(),
            })?),
        })
    }

    pub(crate) fn transport(&self) -> Arc<dyn Transport> {
        match self {
            Self::Quic(quic) => Arc::clone(quic) as _,
            Self::Tcp(tcp) => Arc::clone(tcp) as _,
        }
    }

    /// The address it listens on.
    pub(crate) fn local_addr(&self) -> std::io::Result<SocketAddr> {
        match self {
            Self::Quic(quic) => quic.local_addr(),
            Self::Tcp(tcp) => tcp.local_addr(),
        }
    }

    /// Where a peer is to be found from now on.
    pub(crate) fn set_peer_address(&self, peer: PeerId, address: SocketAddr) -> Result<(), TransportError> {
        match self {
            Self::Quic(quic) => quic.set_peer_address(peer, address),
            Self::Tcp(tcp) => tcp.set_peer_address(peer, address),
        }
    }

    /// Shows another certificate, and believes other authorities, from the next connection on.
    pub(crate) fn replace_identity(&self, identity: &Identity) -> Result<(), IdentityError> {
        match self {
            Self::Quic(quic) => quic.replace_identity(identity),
            Self::Tcp(tcp) => tcp.replace_identity(identity),
        }
    }
}

/// The bounds of a node's QUIC for such a path.
pub(crate) fn quic_limits(path: &QuicPath) -> QuicLimits {
    let limits = QuicLimits::for_path(path.bytes_per_second, path.round_trip);
    QuicLimits {
        initial_mtu: limits.initial_mtu.min(path.mtu_max),
        mtu_max: path.mtu_max,
        ..limits
    }
}
