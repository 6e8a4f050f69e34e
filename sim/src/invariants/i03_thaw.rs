//! I3: a frozen guard is thawed only into the session it names, and only while that is open.

use tidegate_session::SessionState;

use super::{Invariant, Now};
use crate::event::Event;
use crate::recorder::name;

#[derive(Debug, Default)]
pub(super) struct Thaw;

impl Invariant for Thaw {
    fn name(&self) -> &'static str {
        "I3-thaw"
    }

    fn observe(&mut self, now: &Now<'_>, event: &Event) -> Result<(), String> {
        let Event::Thawed {
            node,
            asked,
            given: Some(given),
        } = event
        else {
            return Ok(());
        };
        if asked != given {
            return Err(format!(
                "n{node} was asked for {} and gave a guard of {}",
                name(*asked),
                name(*given)
            ));
        }
        // A guard that a crashed node still hands out is of no use to anybody.
        if !now.facts.nodes.get(node).is_none_or(|facts| facts.is_up) {
            return Ok(());
        }
        match now.facts.state(*node, *asked) {
            Some(SessionState::Open) => Ok(()),
            state => Err(format!(
                "n{node} thaws {}, whose state there is {state:?}",
                name(*asked)
            )),
        }
    }
}

#[cfg(test)]
mod tests;
