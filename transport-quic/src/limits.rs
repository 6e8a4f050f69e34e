//! Every bound of the transport, in one place.

use std::sync::Arc;
use std::time::Duration;

use quinn::{AckFrequencyConfig, EndpointConfig, IdleTimeout, MtuDiscoveryConfig, TransportConfig, VarInt};

use crate::{LimitsError, congestion};

/// The largest datagram there is: UDP's length field, less its own header and `IPv4`'s. Only loopback carries it.
pub const MTU_MAX: u16 = 65_507;

/// The largest datagram in an Ethernet jumbo frame of 9,000 bytes, less the headers of UDP and `IPv4`.
pub const MTU_JUMBO: u16 = 8972;

/// The smallest datagram that QUIC may ever use.
pub const MTU_MIN: u16 = 1200;

/// What Linux' loopback carries, by `IPv6` too: its 65,536 bytes less the headers.
const MTU_LOOPBACK: u16 = 65_488;

/// How long a peer may put off an acknowledgement that nothing else takes along, instead of quinn's 25 ms: whoever has
/// ended a stream waits for it. Many packets in a row are acknowledged two by two anyway.
const ACK_DELAY_MAX: Duration = Duration::from_millis(2);

/// The largest window that is taken from a path.
const WINDOW_MAX: u32 = 256 << 20;

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
    /// The datagram size that path discovery may reach, at most [`MTU_MAX`]. Default [`MTU_JUMBO`]: what the path
    /// carries is found by probes (RFC 8899), which cost some lost datagrams per connection where it is less.
    pub mtu_max: u16,
    /// The round trip assumed before the first measurement: a lost first packet costs three of it. Default 100 ms.
    pub initial_rtt: Duration,
    /// Bytes asked of the kernel for the socket's buffers, each way. It may grant less, which is logged as a warning
    /// and told by [`socket_buffers`](crate::QuicTransport::socket_buffers). Default 4 MiB.
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
            mtu_max: MTU_JUMBO,
            initial_rtt: Duration::from_millis(100),
            socket_buffer: 4 << 20,
        }
    }
}

impl QuicLimits {
    /// The defaults with datagrams as large as loopback carries, from the first one on: several times the throughput
    /// there, and no connection at all through a smaller path.
    #[must_use]
    pub fn loopback() -> Self {
        Self {
            initial_mtu: MTU_LOOPBACK,
            mtu_max: MTU_LOOPBACK,
            initial_rtt: Duration::from_millis(10),
            ..Self::default()
        }
    }

    /// The defaults with windows for a path: what one stream may carry in bytes per second, and the longest round trip.
    ///
    /// A window is what may be under way unacknowledged, so a stream carries no more than a window in each round trip
    /// (the bandwidth-delay product, RFC 7323 section 1.1). The default, 1 MiB, is for 10 Gbit/s over 0.8 ms. Windows
    /// are never smaller than the defaults and never larger than 256 MiB. Mind that unread streams may hold
    /// [`connection_window`](Self::connection_window) bytes per peer: lower `streams_per_peer` on long paths.
    #[must_use]
    pub fn for_path(bytes_per_second: u64, round_trip: Duration) -> Self {
        let defaults = Self::default();
        let product = u128::from(bytes_per_second).saturating_mul(round_trip.as_nanos()) / 1_000_000_000;
        let product = u32::try_from(product).unwrap_or(u32::MAX).min(WINDOW_MAX);
        Self {
            stream_window: product.max(defaults.stream_window),
            send_window: u64::from(product).max(defaults.send_window),
            ..defaults
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
        let mut acks = AckFrequencyConfig::default();
        acks.max_ack_delay(Some(ACK_DELAY_MAX));
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
            .ack_frequency_config(Some(acks))
            .congestion_controller_factory(Arc::new(congestion::cubic(self.initial_mtu)));
        config
    }

    /// What the endpoint must be ready to receive.
    pub(crate) fn endpoint_config(&self) -> EndpointConfig {
        let mut config = EndpointConfig::default();
        // Larger than what is ever sent, so that a peer with a larger `mtu_max` can be heard too. quinn keeps a buffer of
        // some thousand times this: whole only where datagrams of that length do arrive.
        if let Err(error) = config.max_udp_payload_size(self.mtu_max.max(MTU_JUMBO)) {
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
            mtu_max: 8999,
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
    fn windows_hold_what_is_under_way_on_a_path() {
        let near = QuicLimits::for_path(1_250_000_000, Duration::from_micros(100));
        let default = QuicLimits::default();
        assert_eq!(
            (near.stream_window, near.send_window),
            (default.stream_window, default.send_window)
        );
        let far = QuicLimits::for_path(1_250_000_000, Duration::from_millis(20));
        assert_eq!((far.stream_window, far.send_window), (25_000_000, 25_000_000));
        far.check().unwrap();
        let absurd = QuicLimits::for_path(u64::MAX, Duration::MAX);
        assert_eq!(absurd.stream_window, WINDOW_MAX);
        absurd.check().unwrap();
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
