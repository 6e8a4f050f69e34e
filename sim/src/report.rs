//! What a run, and many runs, came to.
