//! A cluster of whole nodes.
