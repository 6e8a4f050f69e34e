//! A replica among others, stage by stage, without a coordinator: the tests decide what is asked, and when.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod barrier;
mod cluster;
mod data;
mod held_engine_call;
mod late_receiver;
mod left_behind;
mod node;
mod permits;
mod rebuild;
mod startup;
mod who_may_ask;
