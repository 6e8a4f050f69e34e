//! One write of some keys of one tablet.

use std::collections::BTreeSet;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_tablets::NodeId;
use tokio::time::Instant;

use super::Write;
use super::attempt::{Attempt, AttemptError, Hopes};
use crate::calls::{CallError, Calls, Straggler};
use crate::plan::Plan;
use crate::wire::{Answer, encode_keys_request, encode_write};
use crate::{HybridClock, RowRef, Timestamp};

/// A write of some keys of one tablet. Its timestamps are taken once, and kept by every further attempt: a write
/// that took effect with a later one, too, would take effect twice.
#[derive(Debug)]
pub(super) struct WriteAttempt<'a> {
    calls: &'a Calls,
    clock: &'a HybridClock,
    writes: &'a [Write],
    timestamps: Option<Vec<Timestamp>>,
    #[cfg(tidegate_mutants)]
    kept: std::sync::Mutex<BTreeSet<NodeId>>,
}

impl<'a> WriteAttempt<'a> {
    pub(super) fn new(calls: &'a Calls, clock: &'a HybridClock, writes: &'a [Write]) -> Self {
        Self {
            calls,
            clock,
            writes,
            timestamps: None,
            #[cfg(tidegate_mutants)]
            kept: std::sync::Mutex::default(),
        }
    }

    /// Whether something was sent that may take effect, now or later.
    pub(super) const fn was_sent(&self) -> bool {
        self.timestamps.is_some()
    }

    /// Timestamps later than what a quorum of the set that the stage reads from shows of the keys.
    async fn later_timestamps(&self, plan: &Plan, deadline: Instant) -> Result<Vec<Timestamp>, AttemptError> {
        let request = encode_keys_request(false, (plan.tablet, plan.epoch), Keys(self.writes.iter()))
            .map_err(|_| AttemptError::Stop {
                cause: "a key is too long",
            })?;
        let mut hopes = Hopes::new(plan, plan.readers());
        let mut asked = self.calls.ask(
            plan.readers(),
            (&request, self.writes.len()),
            Straggler::Ends,
            deadline,
        );
        let mut answered = BTreeSet::new();
        while !plan.decided_by(&answered) {
            if !plan.decided_by(hopes.nodes()) {
                return Err(hopes.no_quorum());
            }
            match asked.recv().await {
                Some((node, Ok(Answer::Latest { latest, .. }))) if latest.len() == self.writes.len() => {
                    if let Some(latest) = latest.iter().flatten().map(|timestamp| timestamp.time).max() {
                        self.clock.observe(latest);
                    }
                    answered.insert(node);
                }
                Some((node, answer)) => hopes.lose(node, &answer.err().unwrap_or(CallError::Protocol))?,
                None => return Err(hopes.no_quorum()),
            }
        }
        Ok(self.writes.iter().map(|_| self.clock.now()).collect())
    }

    async fn send(
        &self,
        plan: &Plan,
        timestamps: &[Timestamp],
        deadline: Instant,
    ) -> Result<(), AttemptError> {
        let rows = self
            .writes
            .iter()
            .zip(timestamps)
            .map(|(write, timestamp)| RowRef {
                key: &write.key,
                timestamp: *timestamp,
                value: write.value.as_deref(),
            });
        let request = encode_write((plan.tablet, plan.epoch), rows).map_err(|_| AttemptError::Stop {
            cause: "a row is too long",
        })?;
        let mut hopes = Hopes::new(plan, plan.writers());
        let mut asked = self
            .calls
            .ask(plan.writers(), (&request, 0), Straggler::GoesOn, deadline);
        let mut written: BTreeSet<NodeId> = BTreeSet::new();
        #[cfg(tidegate_mutants)]
        if tidegate_mutants::on("answers-of-mixed-epochs") {
            written.extend(self.kept.lock().iter().flat_map(|kept| kept.iter().copied()));
        }
        while !plan.held_by(&written) {
            if !plan.held_by(hopes.nodes()) {
                return Err(hopes.no_quorum());
            }
            match asked.recv().await {
                Some((node, Ok(Answer::Written { .. }))) => {
                    written.insert(node);
                    #[cfg(tidegate_mutants)]
                    if let Ok(mut kept) = self.kept.lock() {
                        kept.insert(node);
                    }
                }
                Some((node, answer)) => hopes.lose(node, &answer.err().unwrap_or(CallError::Protocol))?,
                None => return Err(hopes.no_quorum()),
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Attempt for WriteAttempt<'_> {
    type Done = Vec<Timestamp>;

    async fn attempt(&mut self, plan: &Plan, deadline: Instant) -> Result<Vec<Timestamp>, AttemptError> {
        let timestamps = match self.timestamps.clone() {
            #[cfg(tidegate_mutants)]
            Some(_) if tidegate_mutants::on("new-timestamp-per-attempt") => {
                self.later_timestamps(plan, deadline).await?
            }
            Some(timestamps) => timestamps,
            None => self.later_timestamps(plan, deadline).await?,
        };
        if timestamps
            .iter()
            .any(|timestamp| timestamp.time <= plan.purge_floor)
        {
            return Err(AttemptError::Stop {
                cause: "a purge has begun that the write is not later than",
            });
        }
        self.timestamps = Some(timestamps.clone());
        self.send(plan, &timestamps, deadline).await?;
        Ok(timestamps)
    }
}

/// The keys of some writes.
#[derive(Clone)]
struct Keys<'a>(std::slice::Iter<'a, Write>);

impl<'a> Iterator for Keys<'a> {
    type Item = &'a Bytes;

    fn next(&mut self) -> Option<&'a Bytes> {
        self.0.next().map(|write| &write.key)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Keys<'_> {}
