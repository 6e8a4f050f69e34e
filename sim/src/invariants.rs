//! What must hold while a run goes on, and at its end.

use std::time::Duration;

use crate::event::Event;
use crate::recorder::View;

/// All invariants, and what they know.
#[derive(Debug, Default)]
pub struct Invariants {}

impl Invariants {
    /// Holds an event against all invariants.
    ///
    /// # Errors
    ///
    /// The name of the first one that does not hold, and what was seen.
    pub fn take_in(
        &mut self,
        _at: Duration,
        _event: Event,
        _view: Option<&dyn View>,
    ) -> Result<(), (&'static str, String)> {
        Ok(())
    }

    /// Holds the end of a run against all invariants.
    ///
    /// # Errors
    ///
    /// As [`take_in`](Self::take_in).
    pub fn finish(&mut self, _at: Duration, _view: Option<&dyn View>) -> Result<(), (&'static str, String)> {
        Ok(())
    }
}
