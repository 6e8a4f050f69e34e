//! A simulated metadata log: it decides late, changes its leader, and every node applies at its own pace.
//!
//! It keeps the contract of [`MetadataStore`](tidegate_tablets::MetadataStore) whatever is done to it; what a
//! contract leaves open is drawn. A proposal without a known outcome may have been decided, may never be, or may be
//! decided much later. Nobody hears of it before it is decided, and one that was not taken is never decided.

mod config;
mod copy;
mod flight;
mod following;
mod handle;
mod history;
mod log;

#[cfg(test)]
mod tests;

pub use self::config::SimLogConfig;
pub(crate) use self::config::draw;
pub use self::handle::SimStore;
pub use self::log::SimLog;
