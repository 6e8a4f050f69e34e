//! The transports of two nodes that know each other.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Result;
use tidegate_transport::{PeerId, Transport};
use tidegate_transport_mem::{MemConfig, MemLimits, MemNetwork};
use tidegate_transport_quic::{QuicConfig, QuicLimits, QuicTransport};
use tidegate_transport_tcp::{TcpConfig, TcpLimits, TcpTransport};
use tidegate_transport_tls::Identity;
use tidegate_transport_tls::authority::Authority;

use super::ends::Ends;

/// Who has the batches.
pub(super) const SOURCE: PeerId = PeerId::new(1);
/// Who gets them.
pub(super) const TARGET: PeerId = PeerId::new(2);

/// The largest datagram of Linux' loopback.
pub(super) const MTU_LOOPBACK: u16 = 65_488;

/// Messages under way in memory, at most.
pub(super) const IN_FLIGHT: usize = 16;

/// Which transport.
#[derive(Debug)]
pub(super) enum Network {
    Quic(QuicLimits),
    Tcp,
    Mem,
}

/// The two ends of a network.
#[derive(Debug)]
pub(super) struct Nodes {
    pub(super) source: Arc<dyn Transport>,
    pub(super) target: Arc<dyn Transport>,
}

/// The default limits with datagrams of so many bytes from the first one on.
pub(super) fn quic_limits(mtu: u16) -> QuicLimits {
    if mtu == MTU_LOOPBACK {
        return QuicLimits::loopback();
    }
    QuicLimits {
        initial_mtu: mtu,
        mtu_max: mtu,
        ..QuicLimits::default()
    }
}

/// A port of this machine that nobody else has.
pub(super) fn any_port() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

/// The identities of source and target.
pub(super) fn identities() -> Result<(Identity, Identity)> {
    let authority = Authority::new("bench")?;
    Ok((authority.issue(SOURCE)?, authority.issue(TARGET)?))
}

impl Network {
    /// Both ends, each in its runtime.
    pub(super) fn nodes(&self, ends: &Ends) -> Result<Nodes> {
        match self {
            Self::Quic(limits) => quic(ends, limits),
            Self::Tcp => tcp(ends),
            Self::Mem => mem(),
        }
    }
}

fn quic(ends: &Ends, limits: &QuicLimits) -> Result<Nodes> {
    let (source, target) = identities()?;
    let bind = |identity| {
        QuicTransport::bind(QuicConfig {
            listen: any_port(),
            identity,
            limits: limits.clone(),
        })
    };
    let source = {
        let _entered = ends.source.enter();
        bind(source)?
    };
    let target = {
        let _entered = ends.target.enter();
        bind(target)?
    };
    target.set_peer_address(SOURCE, source.local_addr()?)?;
    Ok(Nodes { source, target })
}

fn tcp(ends: &Ends) -> Result<Nodes> {
    let (source, target) = identities()?;
    let bind = |identity| {
        TcpTransport::bind(TcpConfig {
            listen: any_port(),
            identity,
            limits: TcpLimits::default(),
        })
    };
    let source = {
        let _entered = ends.source.enter();
        bind(source)?
    };
    let target = {
        let _entered = ends.target.enter();
        bind(target)?
    };
    target.set_peer_address(SOURCE, source.local_addr()?)?;
    Ok(Nodes { source, target })
}

fn mem() -> Result<Nodes> {
    let network = MemNetwork::new(MemConfig {
        limits: MemLimits {
            frame_max: 2 << 20,
            frames_in_flight: IN_FLIGHT,
            // The frames are what counts, as in a channel.
            bytes_in_flight: IN_FLIGHT * (2 << 20),
            ..MemLimits::default()
        },
        ..MemConfig::default()
    });
    Ok(Nodes {
        source: network.join(SOURCE)?,
        target: network.join(TARGET)?,
    })
}
