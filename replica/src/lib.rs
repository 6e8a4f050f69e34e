//! A node's side of a transition: applies metadata, keeps sessions, answers barriers and operations.

mod storage;

pub use crate::storage::Storage;
