//! An in-memory network for tests and simulation: every test its own, faults from a seed.
