//! Every bound of the transport, in one place.

use std::sync::Arc;
use std::time::Duration;

use quinn::congestion::CubicConfig;
use quinn::{EndpointConfig, IdleTimeout, MtuDiscoveryConfig, TransportConfig, VarInt};

use crate::LimitsError;

/// The largest datagram that quinn's batches of ten segments still fit into one send of 64 KiB.
///
/// Above it the kernel refuses the send, quinn-udp swallows the error, and the packets are gone.
pub const MTU_MAX: u16 = 6500;

/// The smallest datagram that QUIC may ever use.
pub const MTU_MIN: u16 = 1200;

/// The bounds of one [`QuicTransport`](crate::QuicTransport): nothing is left to a default of quinn's.
///
/// ```
/// use tidegate_transport_quic::QuicLimits;
///
/// let limits = QuicLimits { streams_per_peer: 32, ..QuicLimits::default() };
/// assert!(limits.connection_window() >= 32 * u64::from(limits.stream_window));
/// ```
#[derive(Debug, Clone)]
pub struct QuicLimits {
    /// Bytes of the longest frame, either way. Default 8 MiB.
    pub frame_max: usize,
    /// Streams that a peer may have open towards this node. From eight on a seventh more is let through, never fewer,
    /// because quinn hands out room in steps. Default 256.
    pub streams_per_peer: u32,
    /// Bytes that a peer may send on one stream ahead of its reader. Default 1 MiB.
    pub stream_window: u32,
    /// Bytes kept for retransmission per connection, over all streams. Default 8 MiB.
    pub send_window: u64,
    /// A connection is lost when nothing was heard for so long; a third of it is the keep-alive interval.
    /// Default 10 s.
    pub idle_timeout: Duration,
    /// Connecting, the handshake and the hello together. Default 5 s.
    pub connect_deadline: Duration,
    /// The wait of an open for room at the peer. Default 5 s.
    pub open_deadline: Duration,
    /// The wait of a `finish` for the peer's transport to take everything. Default 30 s.
    pub finish_deadline: Duration,
    /// The wait of a shutdown for connections to end in good order. Default 3 s.
    pub shutdown_deadline: Duration,
    /// Incoming handshakes under way at once; further ones are turned away. Default 64.
    pub handshakes: usize,
    /// Streams that were opened by peers and wait for an `accept`; further ones wait on their connection.
    /// Default 256.
    pub backlog: usize,
    /// Peers known at once, by address or by connection. Default 4096.
    pub peers: usize,
    /// The datagram size a connection starts with, at least 1200. Default 1200, which every network carries.
    pub initial_mtu: u16,
    /// The datagram size that path discovery may reach, at most 6500. Default 1452.
    pub mtu_max: u16,
    /// The round trip assumed before the first measurement: a lost first packet costs three of it. Default 100 ms.
    pub initial_rtt: Duration,
    /// Bytes asked of the kernel for the socket's buffers, each way; it may grant less. Default 4 MiB.
    pub socket_buffer: usize,
}

impl Default for QuicLimits {
    fn default() -> Self {
        Self {
            frame_max: 8 << 20,
            streams_per_peer: 256,
            stream_window: 1 << 20,
            send_window: 8 << 20,
            idle_timeout: Duration::from_secs(10),
            connect_deadline: Duration::from_secs(5),
            open_deadline: Duration::from_secs(5),
            finish_deadline: Duration::from_secs(30),
            shutdown_deadline: Duration::from_secs(3),
            handshakes: 64,
            backlog: 256,
            peers: 4096,
            initial_mtu: MTU_MIN,
            mtu_max: 1452,
            initial_rtt: Duration::from_millis(100),
            socket_buffer: 4 << 20,
        }
    }
}

impl QuicLimits {
    /// The defaults with datagrams as large as loopback and jumbo frames carry: twice the throughput there, and no
    /// connection at all through a smaller path.
    #[must_use]
    pub fn loopback() -> Self {
        Self {
            initial_mtu: MTU_MAX,
            mtu_max: MTU_MAX,
            initial_rtt: Duration::from_millis(10),
            ..Self::default()
        }
    }

    /// Bytes that a peer may send on one connection ahead of its readers: all its streams' windows together, so
    /// that streams which nobody reads leave room for all others.
    #[must_use]
    pub fn connection_window(&self) -> u64 {
        u64::from(self.streams_granted()) * u64::from(self.stream_window)
    }

    /// The stream limit to tell the peer. quinn announces room again only when more than an eighth has become free:
    /// with a seventh on top, `streams_per_peer` are always to be had. Below eight it announces every one.
    fn streams_granted(&self) -> u32 {
        let slack = if self.streams_per_peer < 8 {
            0
        } else {
            self.streams_per_peer / 7 + 2
        };
        self.streams_per_peer.saturating_add(slack)
    }

    /// Whether the numbers can work together.
    ///
    /// # Errors
    ///
    /// [`LimitsError`] names the first that cannot.
    pub fn check(&self) -> Result<(), LimitsError> {
        let positive = [
            (
                "frame_max",
                self.frame_max > 0 && u32::try_from(self.frame_max).is_ok(),
            ),
            ("streams_per_peer", self.streams_per_peer > 0),
            ("stream_window", self.stream_window > 0),
            ("send_window", self.send_window > 0),
            (
                "idle_timeout",
                !self.idle_timeout.is_zero() && IdleTimeout::try_from(self.idle_timeout).is_ok(),
            ),
            ("connect_deadline", !self.connect_deadline.is_zero()),
            ("open_deadline", !self.open_deadline.is_zero()),
            ("finish_deadline", !self.finish_deadline.is_zero()),
            ("handshakes", self.handshakes > 0),
            ("backlog", self.backlog > 0),
            ("peers", self.peers > 0),
            (
                "initial_mtu",
                (MTU_MIN..=self.mtu_max).contains(&self.initial_mtu),
            ),
            ("mtu_max", self.mtu_max <= MTU_MAX),
            (
                "connection_window",
                VarInt::from_u64(self.connection_window()).is_ok(),
            ),
        ];
        match positive.into_iter().find(|(_, holds)| !holds) {
            Some((name, _)) => Err(LimitsError { name }),
            None => Ok(()),
        }
    }

    /// The limits in quinn's words; call [`check`](Self::check) first.
    pub(crate) fn transport_config(&self) -> TransportConfig {
        let mut discovery = MtuDiscoveryConfig::default();
        discovery.upper_bound(self.mtu_max);
        let mut config = TransportConfig::default();
        config
            .max_concurrent_bidi_streams(VarInt::from_u32(self.streams_granted()))
            .max_concurrent_uni_streams(VarInt::from_u32(0))
            .datagram_receive_buffer_size(None)
            .stream_receive_window(VarInt::from_u32(self.stream_window))
            .receive_window(VarInt::from_u64(self.connection_window()).unwrap_or(VarInt::MAX))
            .send_window(self.send_window)
            .send_fairness(true)
            .max_idle_timeout(IdleTimeout::try_from(self.idle_timeout).ok())
            .keep_alive_interval(Some(self.idle_timeout / 3))
            .initial_rtt(self.initial_rtt)
            .initial_mtu(self.initial_mtu)
            .mtu_discovery_config(Some(discovery))
            .allow_spin(false)
            .congestion_controller_factory(Arc::new(CubicConfig::default()));
        config
    }

    /// What the endpoint must be ready to receive.
    pub(crate) fn endpoint_config(&self) -> EndpointConfig {
        let mut config = EndpointConfig::default();
        // Larger than what is ever sent, so that a peer with a larger `mtu_max` can be heard too.
        if let Err(error) = config.max_udp_payload_size(MTU_MAX) {
            tracing::debug!(%error, "the datagram size limit stays quinn's");
        }
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_hold() {
        QuicLimits::default().check().unwrap();
        QuicLimits::loopback().check().unwrap();
    }

    #[test]
    fn what_cannot_work_is_named() {
        let limits = QuicLimits {
            mtu_max: MTU_MAX + 1,
            ..QuicLimits::default()
        };
        assert_eq!(limits.check().unwrap_err().name, "mtu_max");
        let limits = QuicLimits {
            initial_mtu: 9000,
            ..QuicLimits::default()
        };
        assert_eq!(limits.check().unwrap_err().name, "initial_mtu");
        let limits = QuicLimits {
            streams_per_peer: 0,
            ..QuicLimits::default()
        };
        assert_eq!(limits.check().unwrap_err().name, "streams_per_peer");
    }

    #[test]
    fn unread_streams_leave_room_for_others() {
        for streams in [1, 7, 8, 100, 256, 10_000] {
            let limits = QuicLimits {
                streams_per_peer: streams,
                ..QuicLimits::default()
            };
            let granted = limits.streams_granted();
            // What quinn may hold back before it announces room again.
            assert!(granted - granted / 8 >= streams, "{streams}");
            assert!(limits.connection_window() >= u64::from(granted) * u64::from(limits.stream_window));
        }
    }
}
