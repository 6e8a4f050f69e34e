//! The conformance suite against broken transports, and the services as their users see them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod doubles;
mod flawed;
mod services;
