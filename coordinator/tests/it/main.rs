//! The driver and the operator, over a local store and nodes that do what a script says.

mod balancing;
mod batching;
mod cluster;
mod failover;
mod flaky_store;
mod moves;
mod nodes;
mod operator;
mod permits;
mod unknown_outcomes;
mod ways_back;
