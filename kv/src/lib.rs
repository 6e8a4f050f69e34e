//! A linearizable key-value store on tablets: rows, clock, quorum path, purge and a memory engine.
//!
//! (book page to come: the crate's owner completes it)

mod row;
mod row_store;
mod timestamp;

pub use crate::row::Row;
pub use crate::row_store::RowStore;
pub use crate::timestamp::Timestamp;
