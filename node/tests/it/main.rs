//! The built binary: what it refuses, what it says, and how it ends.

mod arguments;
mod input;
mod interrupts;
mod rig;
mod runs;
mod serve;
