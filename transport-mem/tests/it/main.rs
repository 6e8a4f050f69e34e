//! The network as its users see it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod contract;
mod faults;
mod order;
mod seeded;
mod silence;
