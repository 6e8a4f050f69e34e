//! What streams promise, over real transports and through the public API alone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail the test"
)]

#[cfg(feature = "conformance")]
mod engine_suite;
mod hand_over;
mod matrix;
#[cfg_attr(
    not(feature = "conformance"),
    allow(dead_code, reason = "flaws and crashes are for the suite")
)]
mod memory;
mod meters;
mod networks;
#[cfg(feature = "injection")]
mod points;
mod pulls;
mod rig;
mod rows;
mod session;
mod stalls;
