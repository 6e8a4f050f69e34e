//! The transport contract on QUIC: quinn and rustls, mutual TLS bound to node ids.

pub mod authority;
mod backlog;
mod close;
mod dial;
mod error;
mod hello;
mod identity;
mod limits;
mod link;
mod myself;
mod name;
mod node;
mod peers;
mod recv;
mod send;
mod serve;
mod tls;
mod transport;
mod verify;

pub use crate::error::{AuthorityError, BindError, IdentityError, LimitsError, NameError};
pub use crate::identity::Identity;
pub use crate::limits::{MTU_MAX, MTU_MIN, QuicLimits};
pub use crate::transport::{QuicConfig, QuicTransport};
