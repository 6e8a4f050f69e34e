//! Runs made by hand.
