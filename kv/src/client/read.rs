//! One read of some keys of one tablet.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_tablets::NodeId;
use tokio::time::{Instant, timeout_at};

use super::attempt::{Attempt, AttemptError, Hopes};
use crate::calls::{CallError, Calls, Straggler};
use crate::plan::Plan;
use crate::wire::{Answer, encode_keys_request, encode_write};
use crate::{KvConfig, Row, RowRef};

/// A read of some keys of one tablet. What it returns is held by a quorum of every set that writes go to, before it
/// returns: else a later read, of the other set, could see less.
#[derive(Debug)]
pub(super) struct ReadAttempt<'a> {
    calls: &'a Calls,
    keys: &'a [Bytes],
    settle_wait: Duration,
    batch_bytes_max: usize,
}

impl<'a> ReadAttempt<'a> {
    pub(super) const fn new(calls: &'a Calls, keys: &'a [Bytes], config: &KvConfig) -> Self {
        let (settle_wait, batch_bytes_max) = (config.settle_wait, config.batch_bytes_max);
        Self {
            calls,
            keys,
            settle_wait,
            batch_bytes_max,
        }
    }

    /// Asks every set that writes go to, until a quorum of the set that the stage reads from has answered; and a
    /// little longer, if that spares a write back.
    async fn look(&self, plan: &Plan, deadline: Instant) -> Result<Vec<Seen>, AttemptError> {
        let request =
            encode_keys_request(true, (plan.tablet, plan.epoch), self.keys.iter()).map_err(|_| {
                AttemptError::NoQuorum {
                    cause: "a key is too long".to_owned(),
                }
            })?;
        let mut hopes = Hopes::new(plan, plan.all());
        let mut asked = self
            .calls
            .ask(plan.all(), (&request, self.keys.len()), Straggler::Ends, deadline);
        let mut answered = BTreeSet::new();
        let mut seen: Vec<Seen> = self.keys.iter().map(|_| Seen::default()).collect();
        let mut decided_at = None;
        loop {
            let until = match (plan.decided_by(&answered), decided_at) {
                (true, _) if seen.iter().all(|seen| seen.is_held(plan)) => return Ok(seen),
                (true, Some(at)) => at,
                (true, None) => *decided_at.insert(deadline.min(Instant::now() + self.settle_wait)),
                (false, _) if !plan.decided_by(hopes.nodes()) => return Err(hopes.no_quorum()),
                (false, _) => deadline,
            };
            match timeout_at(until, asked.recv()).await {
                Ok(Some((node, Ok(Answer::Rows { rows, .. })))) => {
                    if self.take_note(&mut seen, node, rows) {
                        answered.insert(node);
                    } else {
                        hopes.lose(node, &CallError::Protocol)?;
                    }
                }
                Ok(Some((node, answer))) => {
                    hopes.lose(node, &answer.err().unwrap_or(CallError::Protocol))?;
                }
                _ if decided_at.is_some() => return Ok(seen),
                _ => return Err(hopes.no_quorum()),
            }
        }
    }

    /// Takes note of a replica's rows, which come in the order of the keys; answers whether they do.
    fn take_note(&self, seen: &mut [Seen], node: NodeId, rows: Vec<Row>) -> bool {
        let mut rows = rows.into_iter().peekable();
        for (key, seen) in self.keys.iter().zip(seen) {
            match rows.next_if(|row| row.key == *key) {
                Some(row) => seen.take_note(node, row),
                None => {
                    seen.absent.insert(node);
                }
            }
        }
        rows.next().is_none()
    }

    /// Writes back what no quorum was shown to hold, until one does.
    async fn write_back(
        &self,
        plan: &Plan,
        seen: &mut [Seen],
        deadline: Instant,
    ) -> Result<(), AttemptError> {
        let mut left: Vec<&mut Seen> = seen.iter_mut().filter(|seen| !seen.is_held(plan)).collect();
        while !left.is_empty() {
            let mut bytes = 0;
            let over = left.iter().position(|seen| {
                bytes += seen
                    .latest
                    .as_ref()
                    .map_or(0, |row| RowRef::from(row).encoded_len());
                bytes > self.batch_bytes_max
            });
            let later = left.split_off(over.unwrap_or(left.len()).max(1));
            self.write_back_batch(plan, &mut left, deadline).await?;
            left = later;
        }
        Ok(())
    }

    async fn write_back_batch(
        &self,
        plan: &Plan,
        batch: &mut [&mut Seen],
        deadline: Instant,
    ) -> Result<(), AttemptError> {
        let rows = batch
            .iter()
            .filter_map(|seen| seen.latest.as_ref().map(RowRef::from));
        let request = encode_write((plan.tablet, plan.epoch), rows).map_err(|_| AttemptError::NoQuorum {
            cause: "a row is too long".to_owned(),
        })?;
        let lacking = |node: &NodeId| batch.iter().any(|seen| !seen.holders.contains(node));
        let nodes: BTreeSet<NodeId> = plan.writers().into_iter().filter(lacking).collect();
        let mut hopes = Hopes::new(plan, nodes.clone());
        let mut asked = self.calls.ask(nodes, (&request, 0), Straggler::GoesOn, deadline);
        while !batch.iter().all(|seen| seen.is_held(plan)) {
            match asked.recv().await {
                Some((node, Ok(Answer::Written { .. }))) => batch.iter_mut().for_each(|seen| {
                    seen.holders.insert(node);
                }),
                Some((node, answer)) => hopes.lose(node, &answer.err().unwrap_or(CallError::Protocol))?,
                None => return Err(hopes.no_quorum()),
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Attempt for ReadAttempt<'_> {
    type Done = Vec<Option<Row>>;

    async fn attempt(&mut self, plan: &Plan, deadline: Instant) -> Result<Self::Done, AttemptError> {
        let mut seen = self.look(plan, deadline).await?;
        self.write_back(plan, &mut seen, deadline).await?;
        Ok(seen.into_iter().map(|seen| seen.latest).collect())
    }
}

/// What was shown of one key.
#[derive(Debug, Default)]
struct Seen {
    latest: Option<Row>,
    /// Who holds the latest row, or a later one.
    holders: BTreeSet<NodeId>,
    /// Who shows nothing.
    absent: BTreeSet<NodeId>,
}

impl Seen {
    fn take_note(&mut self, node: NodeId, row: Row) {
        let order = self
            .latest
            .as_ref()
            .map_or(Ordering::Greater, |latest| row.timestamp.cmp(&latest.timestamp));
        match order {
            Ordering::Greater => {
                self.holders = BTreeSet::from([node]);
                self.latest = Some(row);
            }
            Ordering::Equal => {
                self.holders.insert(node);
            }
            Ordering::Less => {}
        }
    }

    /// Whether quorums hold the latest row. That there is none needs nobody to hold it.
    fn is_held(&self, plan: &Plan) -> bool {
        match &self.latest {
            None => true,
            // Whoever shows nothing has dropped it, with what it covered: writing it back would undo the purge.
            Some(row) if row.value.is_none() && row.timestamp.time <= plan.settled_floor => {
                plan.held_by(&self.holders.union(&self.absent).copied().collect())
            }
            #[cfg(tidegate_mutants)]
            Some(_) if tidegate_mutants::on("reads-without-both-quorums") => plan.decided_by(&self.holders),
            Some(_) => plan.held_by(&self.holders),
        }
    }
}
