//! From a change to its outcome.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tidegate_tablets::{
    Accepted, Change, Epoch, Proposal, ProposeError, Refused, RequestId, Tablet, TabletId,
};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::{Operator, OperatorError};
use crate::request::{Maker, Naming};

/// A change's outcome, or what stands in for one.
struct Submitted {
    outcome: Result<Accepted, Refused>,
    /// An earlier try of the same proposal may have come to pass before.
    repeated: bool,
}

impl Operator {
    /// Has one change decided.
    pub(super) async fn submit(&self, change: Change) -> Result<Accepted, OperatorError> {
        let until = Instant::now() + self.config.deadline;
        self.submit_until(change, until)
            .await?
            .outcome
            .map_err(OperatorError::Refused)
    }

    /// Has a change decided that names the tablet's epoch, anew with the next one where that has moved. Answers the
    /// tablet as it was before too. `done` tells, after a try of unknown outcome, whether the metadata shows the
    /// change.
    pub(super) async fn submit_at_epoch(
        &self,
        tablet: TabletId,
        change: impl Fn(&Tablet) -> Change,
        done: impl Fn(&Tablet) -> bool,
    ) -> Result<(Tablet, Accepted), OperatorError> {
        let begun = Instant::now();
        let until = begun + self.config.deadline;
        loop {
            let before = self.tablet(tablet, until).await?;
            let submitted = self.submit_until(change(&before), until).await?;
            let refused = match submitted.outcome {
                Ok(accepted) => return Ok((before, accepted)),
                Err(refused) => refused,
            };
            if submitted.repeated {
                let after: Epoch = before.epoch.next();
                match self.store.snapshot().tablets.get(&tablet) {
                    Some(now) if now.epoch == after && done(now) => {
                        return Ok((before, Accepted::Epoch(after)));
                    }
                    Some(now) if now.epoch > after => {
                        let reason = "the tablet has changed more than once meanwhile".to_owned();
                        return Err(OperatorError::Unknown {
                            waited: begun.elapsed(),
                            reason,
                        });
                    }
                    _ => {}
                }
            }
            if !matches!(refused, Refused::Epoch { .. }) || Instant::now() >= until {
                return Err(OperatorError::Refused(refused));
            }
            // The store's copy is at least as new as the refusal; where it is not, this does not spin.
            sleep(self.config.delay_min).await;
        }
    }

    /// The tablet, by a copy of the metadata that is not older than now where the copy at hand does not know it.
    async fn tablet(&self, tablet: TabletId, until: Instant) -> Result<Tablet, OperatorError> {
        if let Some(known) = self.store.snapshot().tablets.get(&tablet) {
            return Ok(known.clone());
        }
        match timeout_at(until, self.store.read_barrier()).await {
            Ok(read) => read?,
            Err(_) => {
                let reason = "the metadata could not be read".to_owned();
                return Err(OperatorError::NotTaken {
                    waited: self.config.deadline,
                    reason,
                });
            }
        };
        let known = self.store.snapshot().tablets.get(&tablet).cloned();
        known.ok_or(OperatorError::Refused(Refused::NoTablet(tablet)))
    }

    async fn submit_until(&self, change: Change, until: Instant) -> Result<Submitted, OperatorError> {
        let begun = Instant::now();
        let proposal = Proposal {
            request: self.next_request(&change),
            changes: vec![change],
        };
        let (mut tries, mut unknown) = (0_u32, false);
        let mut reason = "the deadline had passed".to_owned();
        while Instant::now() < until {
            match timeout_at(until, self.store.propose(proposal.clone())).await {
                Ok(Ok(outcomes)) => {
                    if let Some(outcome) = outcomes.into_iter().next() {
                        return Ok(Submitted {
                            outcome,
                            repeated: unknown,
                        });
                    }
                    "the store gave no outcome".clone_into(&mut reason);
                    unknown = true;
                }
                Ok(Err(ProposeError::Stopped(stopped))) => return Err(stopped.into()),
                Ok(Err(ProposeError::Unknown(why))) => {
                    reason = why;
                    unknown = true;
                }
                Ok(Err(error)) => reason = error.to_string(),
                Err(_) => {
                    "no answer".clone_into(&mut reason);
                    unknown = true;
                }
            }
            tries = tries.saturating_add(1);
            let delay = Duration::from_millis(self.schedule.after(tries));
            sleep_until(until.min(Instant::now() + delay)).await;
        }
        let waited = begun.elapsed();
        Err(if unknown {
            OperatorError::Unknown { waited, reason }
        } else {
            OperatorError::NotTaken { waited, reason }
        })
    }

    /// A name that this operator uses once.
    fn next_request(&self, change: &Change) -> RequestId {
        let number = self.sequence.fetch_add(1, Ordering::Relaxed);
        let naming = Naming::new().number(u64::from(self.config.origin)).number(number);
        let naming = naming.bytes(format!("{change:?}").as_bytes());
        naming.name(Maker::Operator, self.store.snapshot().version)
    }
}
