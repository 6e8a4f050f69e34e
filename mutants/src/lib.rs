//! Which wrong line is in force, in builds that have wrong lines.
#![doc = ""]
#![doc = include_str!("../README.md")]

use std::sync::OnceLock;

/// Whether the wrong line of that name is in force: the environment variable `TIDEGATE_MUTANT`, read once.
#[must_use]
pub fn on(name: &str) -> bool {
    static CHOSEN: OnceLock<Option<String>> = OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| std::env::var("TIDEGATE_MUTANT").ok());
    chosen.as_deref() == Some(name)
}
