//! The one import point for synchronisation, so that loom can replace all of it.

#[cfg(tidegate_loom)]
pub(crate) use loom::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};
#[cfg(not(tidegate_loom))]
pub(crate) use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};
