//! I9: a barrier that does not end names what holds it.

use super::{Invariant, Now};
use crate::event::Event;

#[derive(Debug, Default)]
pub(super) struct Barriers;

impl Invariant for Barriers {
    fn name(&self) -> &'static str {
        "I9-barriers"
    }

    fn observe(&mut self, _now: &Now<'_>, event: &Event) -> Result<(), String> {
        let Event::BarrierAnswered {
            node,
            tablet,
            epoch,
            result: Err(error),
        } = event
        else {
            return Ok(());
        };
        let names = error.strip_prefix("held by").unwrap_or(error).trim();
        if names.is_empty() {
            return Err(format!(
                "the barrier of t{tablet} on n{node} for epoch {epoch} did not end, and names nothing: {error:?}"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
