//! The bounds of a registry.

/// The bounds of a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionConfig {
    /// How many closed ids are remembered, the latest (default 16384, about 1 MiB). An id that is remembered is not
    /// opened again whatever the metadata says; ids do not come back in the metadata, so this is the second
    /// line.
    pub closed_remembered: usize,
    /// How many holders the report of a drain names, the oldest (default 64).
    pub holders_reported: usize,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            closed_remembered: 16_384,
            holders_reported: 64,
        }
    }
}
