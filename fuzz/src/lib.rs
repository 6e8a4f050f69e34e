//! What peers and disks may say, fed to everything that reads it: no input panics, takes more memory than its limit,
//! or keeps anything busy for ever.
//!
//! A [`Target`] is a plain function of bytes. `cargo xtask fuzz` feeds it what libFuzzer makes up; a plain
//! `cargo test -p tidegate-fuzz` feeds it the corpus in the tree, cut and with bits flipped.
//!
//! | what is fed | where |
//! | --- | --- |
//! | decoders: bytes in, and what was read must be the same when it is written and read again | `decoders` |
//! | machines: both ends of a stream, services, clients, a whole node, with a peer that plays a script | `machines` |
//!
//! # Example
//!
//! ```
//! let target = tidegate_fuzz::target("hello").ok_or("no such target")?;
//! target.feed(b"TIDE\x00\x01\x00\x02");
//! # Ok::<_, &str>(())
//! ```
//!
//! # What is deliberately absent
//!
//! Sockets: what lies between a datagram and a frame is quinn's and rustls's.

mod decoders;
mod machines;
mod memory;
pub mod seeds;
mod target;

pub use crate::target::{TARGETS, Target, target};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
