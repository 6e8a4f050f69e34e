//! The corpus, fed to its targets.
#![allow(clippy::unwrap_used, reason = "tests")]

mod replay;
