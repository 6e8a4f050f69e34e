//! What can go wrong before there is a transport.

use std::io;

use thiserror::Error;

use crate::IdentityError;

/// A limit that cannot hold, alone or beside the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the limit {name} cannot work")]
pub struct LimitsError {
    /// The field of [`QuicLimits`](crate::QuicLimits).
    pub name: &'static str,
}

/// Why a transport could not be bound.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BindError {
    /// A limit cannot hold.
    #[error("the limits contradict each other")]
    Limits(#[from] LimitsError),
    /// The identity is not usable.
    #[error("the identity cannot be used")]
    Identity(#[from] IdentityError),
    /// The socket could not be had.
    #[error("the socket could not be bound")]
    Socket(#[source] io::Error),
    /// Called outside a tokio runtime.
    #[error("there is no tokio runtime here")]
    NoRuntime,
}
