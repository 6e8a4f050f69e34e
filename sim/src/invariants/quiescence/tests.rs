//! Broken runs that it catches, and good ones that it passes.
