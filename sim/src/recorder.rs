//! Takes in all that happens, in order.
