//! A simulated metadata log.
