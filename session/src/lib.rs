//! Sessions: open, closing, closed; who holds them, and how to wait until nobody does.
//!
//! (book page to come: the crate's owner completes it)

mod config;
mod meters;
mod primitive;
mod registry;
mod report;
mod sessions;

pub use crate::config::SessionConfig;
pub use crate::registry::SessionRegistry;
pub use crate::report::{Holder, NotDrained};
pub use crate::sessions::{SessionState, Sessions};
