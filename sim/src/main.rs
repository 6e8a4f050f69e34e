//! `tidegate-sim`: runs simulations and models.

fn main() {}
