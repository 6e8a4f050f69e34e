//! What the registry counts.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use tidegate_guard::Rejected;

/// What the registry counts, looked up once: a thaw and a drop cost an atomic addition each.
pub(crate) struct Meters {
    opened: Counter,
    closed: Counter,
    open: Gauge,
    closing: Gauge,
    guards: Gauge,
    drain_seconds: Histogram,
    not_yet_open: Counter,
    refused_closing: Counter,
    refused_closed: Counter,
}

impl Meters {
    pub(crate) fn new() -> Self {
        let rejected = |reason: &'static str| counter!("tidegate_thaw_rejected_total", "reason" => reason);
        Self {
            opened: counter!("tidegate_sessions_opened_total"),
            closed: counter!("tidegate_sessions_closed_total"),
            open: gauge!("tidegate_sessions_open"),
            closing: gauge!("tidegate_sessions_closing"),
            guards: gauge!("tidegate_guards_held"),
            drain_seconds: histogram!("tidegate_session_drain_seconds"),
            not_yet_open: rejected("not_yet_open"),
            refused_closing: rejected("closing"),
            refused_closed: rejected("closed"),
        }
    }

    pub(crate) fn opened(&self, sessions: u32) {
        self.opened.increment(u64::from(sessions));
        self.open.increment(f64::from(sessions));
    }

    pub(crate) fn closing(&self, sessions: u32) {
        self.open.decrement(f64::from(sessions));
        self.closing.increment(f64::from(sessions));
    }

    pub(crate) fn closed(&self, took: Duration) {
        self.closing.decrement(1.0);
        self.closed.increment(1);
        self.drain_seconds.record(took);
    }

    pub(crate) fn thawed(&self) {
        self.guards.increment(1.0);
    }

    pub(crate) fn dropped(&self) {
        self.guards.decrement(1.0);
    }

    pub(crate) fn rejected(&self, rejected: Rejected) {
        match rejected {
            Rejected::NotYetOpen { .. } => self.not_yet_open.increment(1),
            Rejected::Closing => self.refused_closing.increment(1),
            Rejected::Closed => self.refused_closed.increment(1),
        }
    }

    /// The registry goes: what it still has is no longer there.
    pub(crate) fn gone(&self, open: usize, closing: usize) {
        (0..open).for_each(|_| self.open.decrement(1.0));
        (0..closing).for_each(|_| self.closing.decrement(1.0));
    }
}
