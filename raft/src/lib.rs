//! The metadata store of a cluster: tidegate's metadata on Raft, with its log on disk.

mod asking;
mod codec;
mod config;
mod copy;
mod disk;
mod following;
mod leaders;
mod log;
mod machine;
mod membership;
mod network;
mod node;
#[cfg(test)]
mod openraft_suite;
mod runtime;
mod service;
mod status;
mod store;
mod types;
mod wire;

pub use crate::config::{ConfigError, RaftConfig};
pub use crate::disk::{DISK_FORMAT, Disk, DiskError, MemoryDisk, Note, OpenError, RedbDisk};
pub use crate::leaders::{Leaders, Leadership};
pub use crate::membership::{FoundError, MembershipChange, MembershipError};
pub use crate::runtime::seed_elections;
pub use crate::status::{RaftStatus, Role};
pub use crate::store::{RaftStore, StartError};
pub use crate::wire::RAFT_SERVICE;
