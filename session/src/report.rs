//! Who still holds a session.

use std::fmt;
use std::time::Duration;

use thiserror::Error;
use tidegate_guard::{Label, SessionId};

/// One holder of a session, as a report names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The session it holds.
    pub session: SessionId,
    /// What it is.
    pub label: Label,
    /// The step it reported last; empty before the first.
    pub step: &'static str,
    /// Since when it holds the session.
    pub age: Duration,
    /// Since when it has reported no progress.
    pub idle: Duration,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} session={} age={:?} idle={:?}",
            self.label, self.session, self.age, self.idle
        )?;
        if self.step.is_empty() {
            Ok(())
        } else {
            write!(f, " step={}", self.step)
        }
    }
}

/// A drain that did not end by its deadline; the sessions stay closing. Drain again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{} holders were left after {waited:?}{}", holders.len() + unnamed, Oldest(holders))]
pub struct NotDrained {
    /// Who still holds the sessions, oldest first; a bounded number of them.
    pub holders: Vec<Holder>,
    /// How many younger holders are left that are not among `holders`.
    pub unnamed: usize,
    /// How long the drain waited.
    pub waited: Duration,
}

/// The end of a sentence that names the oldest holder.
struct Oldest<'a>(&'a [Holder]);

impl fmt::Display for Oldest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .first()
            .map_or(Ok(()), |oldest| write!(f, ", the oldest: {oldest}"))
    }
}
