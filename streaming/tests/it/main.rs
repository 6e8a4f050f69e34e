//! What streams promise, over real transports and through the public API alone.

mod hand_over;
mod matrix;
mod memory;
mod networks;
mod pulls;
mod rig;
mod rows;
mod session;
