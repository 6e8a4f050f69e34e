//! A linearizable key-value store on tablets: rows, clock, quorum path, purge and a memory engine.
//!
//! (book page to come: the crate's owner completes it)

mod admit;
mod calls;
mod client;
mod clock;
mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
mod memory_engine;
mod plan;
mod row;
mod row_batch;
mod row_store;
mod service;
mod storage;
mod stored_value;
mod timestamp;
mod token;
mod wire;

pub use crate::admit::Admit;
pub use crate::client::{KvClient, ReadError, Write, WriteError};
pub use crate::clock::{HybridClock, PhysicalClock, SystemClock};
pub use crate::config::KvConfig;
pub use crate::memory_engine::MemoryEngine;
pub use crate::row::Row;
pub use crate::row_batch::{
    DecodeError, RowBatchBuilder, RowIter, RowRef, RowTooLong, decode_rows, encode_rows, share_rows,
};
pub use crate::row_store::RowStore;
pub use crate::service::{KV_SERVICE, KvService};
pub use crate::storage::KvStorage;
pub use crate::stored_value::StoredValue;
pub use crate::timestamp::Timestamp;
pub use crate::token::token_of;
