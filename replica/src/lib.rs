//! A node's side of a transition: applies metadata, keeps sessions, answers barriers and operations.
//!
//! (book page to come: the crate's owner completes it)

mod storage;

pub use crate::storage::Storage;
