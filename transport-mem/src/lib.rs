//! An in-memory network for tests and simulation: every test its own, faults from a seed.
//!
//! (book page to come: the crate's owner completes it)

mod config;
mod connection;
mod dice;
mod halves;
mod network;
mod node;
mod transport;

pub use crate::config::{LinkFaults, MemConfig, MemLimits};
pub use crate::network::{JoinError, MemNetwork};
pub use crate::transport::MemTransport;
