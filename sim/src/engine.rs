//! An engine that loses what was not made durable, on a disk that fails.
