//! The transport from outside: two or more endpoints on loopback.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its makers too")]

mod basics;
mod connections;
mod contract;
mod forgery;
mod load;
mod network;
mod resting;
mod stranger;
mod trust;
