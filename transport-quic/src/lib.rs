//! The [transport contract](tidegate_transport) on QUIC: frames over bidirectional streams between nodes that prove
//! their ids to each other with certificates.
//!
//! Take this crate alone if you need named, mutually authenticated peers and many independent streams between them,
//! and want neither to configure quinn and rustls yourself nor to find out what bites: a stream that is dropped is
//! reset and never ends cleanly, an open that finds no room fails in time, streams that nobody reads hold up no
//! other, and whoever is not who you meant is refused before you send a byte.
//!
//! # Example
//!
//! Two nodes of the cluster "blue", with certificates made on the spot:
//!
//! ```
//! use std::net::{Ipv4Addr, SocketAddr};
//!
//! use tidegate_transport::{PeerId, Transport};
//! use tidegate_transport_quic::authority::Authority;
//! use tidegate_transport_quic::{QuicConfig, QuicLimits, QuicTransport};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let authority = Authority::new("blue")?;
//! let bind = |node| -> Result<_, Box<dyn std::error::Error>> {
//!     Ok(QuicTransport::bind(QuicConfig {
//!         listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
//!         identity: authority.issue(node)?,
//!         limits: QuicLimits::default(),
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
//! TLS 1.3 only, with aws-lc-rs. Both ends show a certificate that a private authority has signed and that names
//! exactly one node of one cluster, in an alternative name: `tidegate://<cluster>/node/<id>`. The end that connects
//! expects one id and accepts no other; the end that accepts takes the id that is proven. Both want their own
//! cluster. Names of hosts play no part, so a node may move. Every other certificate, or none, is
//! [`Refused`](tidegate_transport::TransportError::Refused) at the opener, and at once.
//!
//! A TLS 1.3 client is done before the server has looked at its certificate. So `open` succeeds only after a hello
//! has been answered, which only a client that was accepted gets; it carries the wire version as well.
//!
//! # One connection
//!
//! All streams between two nodes share one connection, whichever end made it. Opens that come while it is made wait
//! for the same attempt. If both ends connect at once, the connection of the lower id stays. A connection that broke,
//! was cut, or belongs to an earlier start of the peer is replaced by the next one. A peer that crashed is missed
//! after [`idle_timeout`](QuicLimits::idle_timeout); one that shuts down says so.
//!
//! # Datagrams
//!
//! What QUIC costs is paid per datagram, so their length decides the throughput. A connection starts with
//! [`initial_mtu`](QuicLimits::initial_mtu) and finds by probes what its path carries, up to jumbo frames. Several
//! datagrams go to the kernel in one send, never more than 64 KiB together, which it would refuse in silence. A
//! socket whose buffers are smaller than was asked loses datagrams under load: that is a warning in the log, and
//! [`socket_buffers`](QuicTransport::socket_buffers) tells.
//!
//! # On the wire
//!
//! | what | bytes |
//! | --- | --- |
//! | hello (first stream of the connecting end, and its answer) | `tdgt`, version u16, incarnation u64, insist u8 |
//! | frame | length u32, payload |
//! | reset and stop codes | those of [`ResetCode`](tidegate_transport::ResetCode) |
//! | close codes | 0 shutdown, 1 disconnect, 2 redundant, 3 replaced, 4 refused |
//!
//! Numbers are big-endian. ALPN is `tidegate`.
//!
//! # Map
//!
//! - [`QuicTransport`] is the transport, [`QuicConfig`] what it is bound with, [`QuicLimits`] every bound there is.
//! - [`Identity`] is what a node proves itself with; [`authority`] makes some, [`CertificateFacts`] tells what is in one.
//!
//! # Invariants
//!
//! 1. No stream exists between ends that have not both checked the other's certificate and spoken the same version.
//! 2. The id of a peer comes from its certificate and from nowhere else.
//! 3. A stream ends cleanly only through `finish`; every other way it goes is a reset or a lost connection.
//! 4. `finish` returns `Ok` only when the peer's transport has acknowledged every byte: a shutdown then loses none.
//! 5. No length from the wire is believed beyond [`frame_max`](QuicLimits::frame_max), and none is allocated before
//!    its bytes come, but for the first 256 KiB.
//! 6. The window of a connection is never smaller than those of its streams together, so unread streams starve none.
//! 7. Every wait has a deadline from [`QuicLimits`], or ends with the connection or the transport.
//! 8. Nothing is left to a process-wide default: no crypto provider, no limit.
//!
//! # Deliberately absent
//!
//! 0-RTT and resumption (they skip the certificate or can be replayed), connection migration, unidirectional streams
//! and datagrams, host names, a directory of addresses (call
//! [`set_peer_address`](QuicTransport::set_peer_address)), retries of an open (the caller knows best), revocation
//! lists (a private authority reissues; see [`replace_identity`](QuicTransport::replace_identity)), and a say in who
//! may do what: that is for the layers above.

mod close;
mod congestion;
#[cfg(feature = "test-util")]
#[doc(hidden)]
pub mod decoders;
mod dial;
mod error;
mod hello;
mod limits;
mod link;
mod node;
mod peers;
mod recv;
mod send;
mod serve;
mod socket;
mod tls;
mod transport;

pub use tidegate_transport_tls::{
    AuthorityError, CertificateFacts, Identity, IdentityError, NameError, authority,
};

pub use crate::error::{BindError, LimitsError};
pub use crate::limits::{MTU_JUMBO, MTU_MAX, MTU_MIN, QuicLimits};
pub use crate::socket::SocketBuffers;
pub use crate::transport::{QuicConfig, QuicTransport};
