//! What is the simulated engine's own: crashes and faults.
