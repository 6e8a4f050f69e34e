//! Named services over one transport: a hello opens every stream, a router hands it to its service.

mod hello;
mod router;

use std::fmt;

use async_trait::async_trait;

pub use self::hello::{Hello, HelloError, WIRE_VERSION};
pub use self::router::{Router, RouterConfig};
use crate::{Duplex, PeerId, StreamError, Transport, TransportError};

/// The number of a service, the same on every node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceId(u16);

impl ServiceId {
    /// The service of that number.
    #[must_use]
    pub const fn new(id: u16) -> Self {
        Self(id)
    }

    /// Its number.
    #[must_use]
    pub const fn as_u16(self) -> u16 {
        self.0
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "service {}", self.0)
    }
}

/// What a node does with the streams that its peers open for one service.
#[async_trait]
pub trait Service: Send + Sync + fmt::Debug + 'static {
    /// Serves one stream, whose hello has been read. Runs in a task of its own.
    ///
    /// # Cancel safety
    ///
    /// Must be safe to drop at any await: the router aborts what still runs when it stops.
    async fn serve(&self, peer: PeerId, stream: Duplex);
}

/// Opens a stream and says hello for `service`.
///
/// A peer that has no such service, or speaks another version, resets the stream with
/// [`ResetCode::Refused`](crate::ResetCode::Refused); that shows at the first frame received.
///
/// # Errors
///
/// [`TransportError`]; [`TransportError::Unreachable`] too when the connection breaks during the hello.
///
/// # Cancel safety
///
/// Safe: a stream that was opened meanwhile is reset.
pub async fn open_service(
    transport: &dyn Transport,
    peer: PeerId,
    service: ServiceId,
) -> Result<Duplex, TransportError> {
    let mut stream = transport.open(peer).await?;
    match stream.send.send(&[Hello::new(service).encode()]).await {
        Ok(()) => Ok(stream),
        Err(StreamError::Reset(code)) => Err(TransportError::Refused {
            peer,
            reason: format!("the hello was reset: {code}"),
        }),
        Err(error) => Err(TransportError::Unreachable {
            peer,
            reason: error.to_string(),
        }),
    }
}
