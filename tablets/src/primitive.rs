//! The one import point for the fence's synchronisation, so that loom can replace it.

#[cfg(tidegate_loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard};
#[cfg(not(tidegate_loom))]
pub(crate) use std::sync::{Mutex, MutexGuard};
