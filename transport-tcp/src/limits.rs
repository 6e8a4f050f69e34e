//! Every bound of the transport, in one place.

use std::time::Duration;

use crate::LimitsError;

/// The smallest window that a stream can live with.
pub const STREAM_WINDOW_MIN: u32 = 1024;

/// The bounds of one [`TcpTransport`](crate::TcpTransport).
///
/// ```
/// use tidegate_transport_tcp::TcpLimits;
///
/// let limits = TcpLimits { streams_per_peer: 32, ..TcpLimits::default() };
/// assert!(limits.check().is_ok());
/// ```
#[derive(Debug, Clone)]
pub struct TcpLimits {
    /// Bytes of the longest frame, either way. Default 8 MiB.
    pub frame_max: usize,
    /// Streams that a peer may have open towards this node, and as many connections, in use or at rest; and how many
    /// this node opens towards a peer, unless that allows fewer. Default 256.
    pub streams_per_peer: u32,
    /// Bytes that a peer may send on one stream ahead of its reader, at least 1024. Default 4 MiB.
    pub stream_window: u32,
    /// Bytes of one stream that were accepted from its sender and are not on their way yet; one frame fits always.
    /// Default 1 MiB.
    pub send_buffer: usize,
    /// A connection is lost when nothing was heard for so long; after a third of it the peer is asked. Default 10 s.
    pub idle_timeout: Duration,
    /// Connecting, the handshake and the hello together. Default 5 s.
    pub connect_deadline: Duration,
    /// The wait of an open for room at the peer. Default 5 s.
    pub open_deadline: Duration,
    /// The wait of a `finish` for the peer's transport to take everything. Default 30 s.
    pub finish_deadline: Duration,
    /// The wait of a shutdown for its tasks to end. Default 3 s.
    pub shutdown_deadline: Duration,
    /// Connections that rest between two streams, per peer; further ones are closed. Default 32.
    pub resting_per_peer: usize,
    /// How long a connection rests before it is closed. Default 60 s.
    pub rest_timeout: Duration,
    /// Connections that are made to one peer at once. Default 8.
    pub dials_per_peer: usize,
    /// Incoming handshakes under way at once; further ones wait in the system's queue. Default 64.
    pub handshakes: usize,
    /// Streams that were opened by peers and wait for an `accept`; further ones wait on their connections.
    /// Default 256.
    pub backlog: usize,
    /// Peers known at once, by address or by connection. Default 4096.
    pub peers: usize,
}

impl Default for TcpLimits {
    fn default() -> Self {
        Self {
            frame_max: 8 << 20,
            streams_per_peer: 256,
            stream_window: 4 << 20,
            send_buffer: 1 << 20,
            idle_timeout: Duration::from_secs(10),
            connect_deadline: Duration::from_secs(5),
            open_deadline: Duration::from_secs(5),
            finish_deadline: Duration::from_secs(30),
            shutdown_deadline: Duration::from_secs(3),
            resting_per_peer: 32,
            rest_timeout: Duration::from_secs(60),
            dials_per_peer: 8,
            handshakes: 64,
            backlog: 256,
            peers: 4096,
        }
    }
}

impl TcpLimits {
    /// Whether the numbers can work.
    ///
    /// # Errors
    ///
    /// [`LimitsError`] names the first that cannot.
    pub fn check(&self) -> Result<(), LimitsError> {
        let fits = [
            (
                "frame_max",
                self.frame_max > 0 && u32::try_from(self.frame_max).is_ok(),
            ),
            ("streams_per_peer", self.streams_per_peer > 0),
            ("stream_window", self.stream_window >= STREAM_WINDOW_MIN),
            ("send_buffer", self.send_buffer > 0),
            ("idle_timeout", self.idle_timeout >= Duration::from_millis(3)),
            ("connect_deadline", !self.connect_deadline.is_zero()),
            ("open_deadline", !self.open_deadline.is_zero()),
            ("finish_deadline", !self.finish_deadline.is_zero()),
            ("rest_timeout", !self.rest_timeout.is_zero()),
            ("dials_per_peer", self.dials_per_peer > 0),
            ("handshakes", self.handshakes > 0),
            ("backlog", self.backlog > 0),
            ("peers", self.peers > 0),
        ];
        match fits.into_iter().find(|(_, fits)| !fits) {
            Some((name, _)) => Err(LimitsError { name }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_hold_and_what_cannot_work_is_named() {
        TcpLimits::default().check().unwrap();
        let limits = TcpLimits {
            stream_window: STREAM_WINDOW_MIN - 1,
            ..TcpLimits::default()
        };
        assert_eq!(limits.check().unwrap_err().name, "stream_window");
        let limits = TcpLimits {
            streams_per_peer: 0,
            ..TcpLimits::default()
        };
        assert_eq!(limits.check().unwrap_err().name, "streams_per_peer");
    }
}
