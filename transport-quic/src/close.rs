//! Why a connection was closed, as a code on the wire and as an error for the caller.

use quinn::{Connection, ConnectionError, TransportErrorCode, VarInt};
use tidegate_transport::{PeerId, TransportError};

use crate::congestion;

/// Said with QUIC's CONNECTION_CLOSE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloseCode {
    /// The node shuts down.
    Shutdown,
    /// `disconnect` was called.
    Disconnect,
    /// There is another connection, or there will be: this one carries nothing.
    Redundant,
    /// A newer connection takes the place of this one.
    Replaced,
    /// The hello was not accepted; the reason says why.
    Refused,
}

impl CloseCode {
    const ALL: [Self; 5] = [
        Self::Shutdown,
        Self::Disconnect,
        Self::Redundant,
        Self::Replaced,
        Self::Refused,
    ];

    fn as_var_int(self) -> VarInt {
        VarInt::from_u32(self as u32)
    }

    fn from_var_int(code: VarInt) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_var_int() == code)
    }

    pub(crate) fn close(self, connection: &Connection, reason: &str) {
        congestion::open_window(connection);
        connection.close(self.as_var_int(), reason.as_bytes());
    }

    pub(crate) fn close_all(self, endpoint: &quinn::Endpoint) {
        endpoint.close(self.as_var_int(), b"");
    }

    /// The code with which the peer closed, if it did and the code is known.
    pub(crate) fn of(error: &ConnectionError) -> Option<Self> {
        match error {
            ConnectionError::ApplicationClosed(close) => Self::from_var_int(close.error_code),
            _ => None,
        }
    }
}

/// What a connection that did not come about means for the opener.
pub(crate) fn connect_error(peer: PeerId, error: &ConnectionError) -> TransportError {
    let refused = match error {
        ConnectionError::VersionMismatch => true,
        // Ours: the peer's certificate. Theirs: this node's.
        ConnectionError::TransportError(error) => is_crypto(error.code),
        ConnectionError::ConnectionClosed(close) => is_crypto(close.error_code),
        ConnectionError::ApplicationClosed(_) => CloseCode::of(error) == Some(CloseCode::Refused),
        _ => false,
    };
    let reason = error.to_string();
    if refused {
        TransportError::Refused { peer, reason }
    } else {
        TransportError::Unreachable { peer, reason }
    }
}

/// The codes that carry a TLS alert (RFC 9001, 4.8).
fn is_crypto(code: TransportErrorCode) -> bool {
    (0x100..0x200).contains(&u64::from(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_survive_the_wire() {
        for code in CloseCode::ALL {
            assert_eq!(CloseCode::from_var_int(code.as_var_int()), Some(code));
        }
        assert_eq!(CloseCode::from_var_int(VarInt::from_u32(77)), None);
    }

    #[test]
    fn a_peer_that_is_silent_is_unreachable_and_no_more() {
        let peer = PeerId::new(1);
        let error = connect_error(peer, &ConnectionError::TimedOut);
        assert!(matches!(error, TransportError::Unreachable { .. }));
        let error = connect_error(peer, &ConnectionError::VersionMismatch);
        assert!(matches!(error, TransportError::Refused { .. }));
    }
}
