//! Holders of a gate.

use std::fmt;
use std::sync::Arc;

use super::Gate;

/// One holder of a gate; leaves when dropped.
pub struct Entry<'a> {
    pub(super) gate: &'a Gate,
}

impl Entry<'_> {
    /// The gate that is held.
    #[must_use]
    #[inline]
    pub fn gate(&self) -> &Gate {
        self.gate
    }
}

impl Drop for Entry<'_> {
    #[inline]
    fn drop(&mut self) {
        self.gate.leave();
    }
}

impl fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("gate", self.gate).finish()
    }
}

/// One holder of a gate that also owns a share of what the gate is part of; leaves when dropped.
pub struct OwnedEntry<O: AsRef<Gate> = Arc<Gate>> {
    pub(super) owner: O,
}

impl<O: AsRef<Gate>> OwnedEntry<O> {
    /// The gate that is held.
    #[must_use]
    #[inline]
    pub fn gate(&self) -> &Gate {
        self.owner.as_ref()
    }

    /// What keeps the gate alive.
    #[must_use]
    pub fn owner(&self) -> &O {
        &self.owner
    }
}

impl<O: AsRef<Gate>> Drop for OwnedEntry<O> {
    #[inline]
    fn drop(&mut self) {
        self.owner.as_ref().leave();
    }
}

impl<O: AsRef<Gate>> fmt::Debug for OwnedEntry<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedEntry").field("gate", self.gate()).finish()
    }
}
