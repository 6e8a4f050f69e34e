//! The [transport contract](tidegate_transport) on TCP: frames over bidirectional streams between nodes that prove
//! their ids to each other with certificates.
//!
//! Take this crate alone, or in the place of `tidegate-transport-quic`, where bulk data flows over good networks and
//! QUIC's work per packet is the limit: in a data centre. The same certificates, the same configuration of peers.
//!
//! # Example
//!
//! Two nodes of the cluster "blue", with certificates made on the spot:
//!
//! ```
//! use std::net::{Ipv4Addr, SocketAddr};
//!
//! use tidegate_transport::{PeerId, Transport};
//! use tidegate_transport_tcp::authority::Authority;
//! use tidegate_transport_tcp::{TcpConfig, TcpLimits, TcpTransport};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let authority = Authority::new("blue")?;
//! let bind = |node| -> Result<_, Box<dyn std::error::Error>> {
//!     Ok(TcpTransport::bind(TcpConfig {
//!         listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
//!         identity: authority.issue(node)?,
//!         limits: TcpLimits::default(),
//!     })?)
//! };
//! let (one, two) = (bind(PeerId::new(1))?, bind(PeerId::new(2))?);
//! one.set_peer_address(two.local(), two.local_addr()?)?;
//!
//! let mut stream = one.open(two.local()).await?;
//! stream.send.send(&["how ".into(), "deep?".into()]).await?;
//! stream.send.finish().await?;
//!
//! let mut incoming = two.accept().await?;
//! assert_eq!(incoming.peer, PeerId::new(1)); // proven by its certificate
//! assert_eq!(incoming.stream.recv.recv().await?.as_deref(), Some(&b"how deep?"[..]));
//! assert_eq!(incoming.stream.recv.recv().await?, None);
//!
//! one.shutdown().await;
//! two.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Who is believed
//!
//! As [`tidegate_transport_tls`] says: mutual TLS 1.3 under a private authority, one node of one cluster per
//! certificate. Every other certificate, or none, is [`Refused`](tidegate_transport::TransportError::Refused) at the
//! opener, and at once. A TLS 1.3 client is done before the server has looked at its certificate: so a connection
//! carries nothing before a hello has been answered, which only a client that was accepted gets.
//!
//! # Connections
//!
//! A stream in use has a connection of its own, so no stream can hold up another, and TCP's window is its own. When both
//! ends have said that a stream is done, whether it ended cleanly or was cut short, its connection rests, and carries
//! the next stream without a handshake. The end that made a connection opens the streams on it; for the way back the other end
//! makes one of its own. Where to, it is [told](TcpTransport::set_peer_address), or hears from the peer itself: a hello
//! says on which port its sender listens, and where nobody answers at the address that was told, that one is tried.
//!
//! A connection is read always: what a peer may send ahead of its reader is bounded by a window that is told in the
//! hello, and there is room for that much. So resets, stops and pings never wait behind frames that nobody reads.
//! Whoever is silent for a third of the [idle timeout](TcpLimits::idle_timeout) is asked whether it is there; at its
//! end the connection is lost. A peer that has started anew loses its earlier connections when it is heard of.
//!
//! # On the wire
//!
//! | what | bytes |
//! | --- | --- |
//! | hello | `tdgt`, version u16, incarnation u64, window u32, port u16 |
//! | its answer | `tdgt`, version u16, answer u8 (0 accepted, 1 refused, 2 full), incarnation u64, window u32, streams u32 |
//! | message | kind u8, number u32 |
//!
//! | message | number | what it says |
//! | --- | --- | --- |
//! | 1 frame | its bytes | a frame begins; it takes 64 bytes of the window beside its own |
//! | 2 piece | bytes | so many bytes of the frame follow, at most 64 KiB at once |
//! | 3 fin | 0 | this direction has ended cleanly |
//! | 4 taken | 0 | everything up to the end has been taken |
//! | 5 reset | code | this direction is cut short |
//! | 6 stop | code | the other direction is not read any more |
//! | 7 window | bytes | so many more may be sent |
//! | 8 done | 0 | nothing more will be said of this stream |
//! | 9 ping, 10 pong | 0 | is anybody there; yes |
//!
//! Numbers are big-endian; codes are those of [`ResetCode`](tidegate_transport::ResetCode). ALPN is `tidegate-tcp`.
//!
//! # Map
//!
//! - [`TcpTransport`] is the transport, [`TcpConfig`] what it is bound with, [`TcpLimits`] every bound there is.
//! - [`Identity`] is what a node proves itself with; [`authority`] makes some, [`CertificateFacts`] tells what is in one.
//!
//! # Invariants
//!
//! 1. No stream exists between ends that have not both checked the other's certificate and spoken the same version.
//! 2. The id of a peer comes from its certificate and from nowhere else.
//! 3. A stream ends cleanly only through `finish`: an end of TCP or of TLS is a lost connection, whenever it comes.
//! 4. `finish` returns `Ok` only when the peer's transport has said that it has everything: a shutdown then loses none.
//! 5. No length from the wire is believed beyond [`frame_max`](TcpLimits::frame_max), and none is allocated before its
//!    bytes come, but for the first MiB.
//! 6. A frame is handed over whole or not at all: a `send` that was dropped while it waited has sent nothing of it.
//! 7. A connection carries another stream only when both ends have said of the last one that it is done; nothing is
//!    said of a stream after that.
//! 8. Every wait has a deadline from [`TcpLimits`], or ends with the connection or the transport.
//!
//! # Deliberately absent
//!
//! Resumption and early data (they skip the certificate or can be replayed), keep-alives of TCP (a frozen program
//! answers them), host names, a directory of addresses (call [`set_peer_address`](TcpTransport::set_peer_address)),
//! retries of an open (the caller knows best), revocation lists (a private authority issues anew; see
//! [`replace_identity`](TcpTransport::replace_identity)), and a say in who may do what: that is for the layers above.

#[cfg(feature = "test-util")]
#[doc(hidden)]
pub mod decoders;
mod dial;
mod driver;
mod error;
mod hello;
mod limits;
mod node;
mod peers;
mod places;
mod recv;
mod send;
mod serve;
mod socket;
mod stream;
mod transport;
mod wire;

pub use tidegate_transport_tls::{
    AuthorityError, CertificateFacts, Identity, IdentityError, NameError, authority,
};

pub use crate::error::{BindError, LimitsError};
pub use crate::limits::{STREAM_WINDOW_MIN, TcpLimits};
pub use crate::transport::{TcpConfig, TcpTransport};
