//! What is the simulated log's own: faults.
