//! Who a node is, and how another one proves it: certificates that name one node, and TLS 1.3 between nodes.
//!
//! Take this crate alone to write a transport between nodes that are proven as those of tidegate's own transports
//! are. It brings no network: it makes configurations for rustls, and whoever speaks TLS over something uses them.
//!
//! | module | what is in it |
//! | --- | --- |
//! | (root) | [`Identity`], the [`NodeName`] it proves, [`client_config`] and [`server_config`], [`CertificateFacts`] |
//! | [`authority`] | a private authority: makes certificates, on the spot or from a disk |
//!
//! # Example
//!
//! ```
//! use tidegate_transport::PeerId;
//! use tidegate_transport_tls::authority::Authority;
//! use tidegate_transport_tls::{client_config, server_config};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let identity = Authority::new("blue")?.issue(PeerId::new(7))?;
//! assert_eq!(identity.name().to_string(), "tidegate://blue/node/7");
//! let client = client_config(&identity, b"mine")?;
//! let server = server_config(&identity, b"mine")?;
//! assert_eq!(client.alpn_protocols, server.alpn_protocols);
//! # Ok(())
//! # }
//! ```
//!
//! # Who is believed
//!
//! TLS 1.3 only, with aws-lc-rs. Both ends show a certificate that a private authority has signed and that names
//! exactly one node of one cluster, in an alternative name: `tidegate://<cluster>/node/<id>`. The end that connects
//! expects one id ([`expected_name`]) and accepts no other; the end that accepts takes the id that is proven
//! ([`proven_peer`]). Both want their own cluster, and another node than themselves. Names of hosts play no part.
//!
//! A TLS 1.3 client is done before the server has looked at its certificate: a transport says a hello, and believes
//! in the connection once that is answered.
//!
//! # Invariants
//!
//! 1. The id of a peer comes from its certificate and from nowhere else.
//! 2. A certificate with no such name, with two, or with one in another spelling, names nobody.
//! 3. Nothing is resumed and nothing is sent early: both would skip a certificate, or can be replayed.
//! 4. No process-wide crypto provider is read or set.
//!
//! # Deliberately absent
//!
//! Sockets, revocation lists (a private authority issues anew, and transports replace identities as they run), host
//! names, and a say in who may do what.

pub mod authority;
mod certificate;
mod config;
mod error;
mod identity;
mod name;
mod verify;

pub use crate::certificate::CertificateFacts;
pub use crate::config::{client_config, random_number, server_config};
pub use crate::error::{AuthorityError, IdentityError, NameError};
pub use crate::identity::Identity;
pub use crate::name::NodeName;
pub use crate::verify::{expected_name, proven_peer};
