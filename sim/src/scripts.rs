//! Scripted runs of what random search rarely finds.
