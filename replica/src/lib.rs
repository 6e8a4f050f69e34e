//! A node's side of a transition: applies metadata, keeps sessions, answers barriers and operations.
//!
//! (book page to come)

mod admission;
mod applier;
mod barrier;
mod client;
mod config;
mod control;
mod operations;
mod published;
mod removals;
mod replica;
mod storage;
mod sweeper;
mod wire;

use tidegate_transport::service::ServiceId;

pub use crate::client::ReplicaClient;
pub use crate::config::ReplicaConfig;
pub use crate::published::WaitError;
pub use crate::replica::{AdmissionError, Replica, ReplicaParts};
pub use crate::storage::Storage;

/// The service on which a node answers barriers and operations.
pub const CONTROL_SERVICE: ServiceId = ServiceId::new(1);

/// The service on which a node sends streams.
pub const STREAM_SERVICE: ServiceId = ServiceId::new(2);
