//! The crate from outside: its contract's suite, and what must fail it.

mod contract;
mod doubles;
