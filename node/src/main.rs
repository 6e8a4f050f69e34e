//! The tidegate node.
fn main() {}
