//! The API, driven without sockets: a node without a cluster, and a cluster of nodes in this process.

mod cluster;
mod document;
mod problems;
mod rig;
mod rows;
