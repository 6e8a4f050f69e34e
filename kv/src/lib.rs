//! A linearizable key-value store on tablets: rows, clock, quorum path, purge and a memory engine.
//!
//! (book page to come: the crate's owner completes it)

mod clock;
mod memory_engine;
mod row;
mod row_batch;
mod row_store;
mod stored_value;
mod timestamp;
mod token;

pub use crate::clock::{HybridClock, PhysicalClock, SystemClock};
pub use crate::memory_engine::MemoryEngine;
pub use crate::row::Row;
pub use crate::row_batch::{
    DecodeError, RowBatchBuilder, RowIter, RowRef, RowTooLong, decode_rows, encode_rows, share_rows,
};
pub use crate::row_store::RowStore;
pub use crate::stored_value::StoredValue;
pub use crate::timestamp::Timestamp;
pub use crate::token::token_of;
