//! What must hold while a run goes on, and at its end.
//!
//! A file for each invariant. They see events and the [`View`] alone, and none of them knows how the product does
//! what it does: the stage table, for one, is written down here a second time.

pub(crate) mod facts;
mod histories;
mod stage_table;
#[cfg(test)]
mod testing;

mod i01_effects;
mod i02_session_states;
mod i03_thaw;
mod i04_earned;
mod i04_stages;
mod i05_holdings;
mod i06_acknowledged;
mod i07_linearizable;
mod i08_sinks;
mod i09_barriers;
mod i09_closing;
mod i09_liveness;
mod i10_independence;
mod i11_applying;
mod quiescence;
mod whole_transfers;

use std::fmt::Debug;
use std::time::Duration;

use tidegate_guard::SessionId;
use tidegate_tablets::NodeId;

use self::facts::Facts;
use crate::engine::Held;
use crate::event::Event;
use crate::recorder::View;

/// Something that must hold. One that does not says what it saw.
pub(crate) trait Invariant: Debug + Send {
    /// What violations call it.
    fn name(&self) -> &'static str;

    /// Holds an event against it; the facts have taken the event in.
    fn observe(&mut self, now: &Now<'_>, event: &Event) -> Result<(), String>;

    /// Holds the end of a run against it: healed, quiet, and nobody's turn.
    fn at_end(&mut self, _now: &Now<'_>) -> Result<(), String> {
        Ok(())
    }
}

/// What an invariant may look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now<'a> {
    /// Virtual time.
    pub(crate) at: Duration,
    /// What was gathered from the events.
    pub(crate) facts: &'a Facts,
    view: Option<&'a dyn View>,
}

impl Now<'_> {
    /// What a node's engine holds.
    pub(crate) fn held(&self, node: NodeId) -> Held {
        self.view.map(|view| view.held(node)).unwrap_or_default()
    }

    /// Whether a node runs.
    pub(crate) fn is_up(&self, node: NodeId) -> bool {
        self.view.is_some_and(|view| view.is_up(node))
    }

    /// The sessions that are open on a node, and those that are closing.
    pub(crate) fn sessions(&self, node: NodeId) -> (Vec<SessionId>, Vec<SessionId>) {
        self.view.map(|view| view.sessions(node)).unwrap_or_default()
    }

    /// Open streams and running tasks.
    pub(crate) fn streams_and_tasks(&self) -> (usize, usize) {
        self.view
            .map(|view| (view.streams(), view.tasks()))
            .unwrap_or_default()
    }
}

/// All invariants, and what they know.
#[derive(Debug)]
pub struct Invariants {
    facts: Facts,
    all: Vec<Box<dyn Invariant>>,
}

impl Default for Invariants {
    fn default() -> Self {
        Self {
            facts: Facts::default(),
            all: all(),
        }
    }
}

fn all() -> Vec<Box<dyn Invariant>> {
    vec![
        Box::<i01_effects::Effects>::default(),
        Box::<i02_session_states::SessionStates>::default(),
        Box::<i03_thaw::Thaw>::default(),
        Box::<i04_stages::Stages>::default(),
        Box::<i04_earned::Earned>::default(),
        Box::<i08_sinks::Sinks>::default(),
        Box::<whole_transfers::WholeTransfers>::default(),
        Box::<i09_barriers::Barriers>::default(),
        Box::<i09_closing::Closing>::default(),
        Box::<i10_independence::Independence>::default(),
        Box::<i11_applying::Applying>::default(),
        // Those that look at the end: what never ended comes first, for the others then follow from it.
        Box::<i07_linearizable::Linearizable>::default(),
        Box::<i09_liveness::Liveness>::default(),
        Box::<i05_holdings::Holdings>::default(),
        Box::<i06_acknowledged::Acknowledged>::default(),
        Box::<quiescence::Quiescence>::default(),
    ]
}

impl Invariants {
    /// The names of all of them.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        all().iter().map(|invariant| invariant.name()).collect()
    }

    /// What the events have told so far.
    pub(crate) const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Holds an event against all invariants.
    ///
    /// # Errors
    ///
    /// The name of the first one that does not hold, and what was seen.
    pub fn take_in(
        &mut self,
        at: Duration,
        event: &Event,
        view: Option<&dyn View>,
    ) -> Result<(), (&'static str, String)> {
        self.facts.take_in(event);
        let facts = &self.facts;
        let now = Now { at, facts, view };
        let mut invariants = self.all.iter_mut();
        invariants.try_for_each(|invariant| {
            let seen = invariant.observe(&now, event);
            seen.map_err(|text| (invariant.name(), text))
        })
    }

    /// Holds the end of a run against all invariants.
    ///
    /// # Errors
    ///
    /// As [`take_in`](Self::take_in).
    pub fn finish(&mut self, at: Duration, view: Option<&dyn View>) -> Result<(), (&'static str, String)> {
        let facts = &self.facts;
        let now = Now { at, facts, view };
        let mut invariants = self.all.iter_mut();
        invariants.try_for_each(|invariant| {
            let seen = invariant.at_end(&now);
            seen.map_err(|text| (invariant.name(), text))
        })
    }
}
