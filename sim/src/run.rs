//! One run: a seed in, a report out.
