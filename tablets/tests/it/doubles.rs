//! Stores that break the contract in one way each: the suite has to find them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use tidegate_tablets::conformance::{CASES, Cluster, run};
use tidegate_tablets::{
    Changes, LocalLog, LocalStore, Metadata, MetadataStore, NodeId, Outcome, Proposal, ProposeError, Refused,
    RequestId, StoreStopped, Touched, Update, Version,
};

use crate::contract::{cluster, handles};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    AnswersBeforeItApplies,
    ForgetsRequests,
    AllOrNothing,
    TakesAnyLength,
    BarrierLooksAtItselfOnly,
    WaitsForNothing,
    ListsNothing,
    FirstUpdateIsEmpty,
    LosesADroppedUpdate,
    SkipsTheNewest,
    IsDeafToTheStop,
    AppliesWhatItRefuses,
}

impl Fault {
    /// The case that finds it.
    const ALL: [(Self, &str); 12] = [
        (
            Self::AnswersBeforeItApplies,
            "a_proposal_is_applied_when_it_is_answered",
        ),
        (
            Self::ForgetsRequests,
            "a_repeat_gets_the_same_answer_and_does_nothing",
        ),
        (Self::AllOrNothing, "changes_are_decided_one_by_one_and_in_order"),
        (Self::TakesAnyLength, "a_proposal_over_the_limit_is_refused"),
        (
            Self::BarrierLooksAtItselfOnly,
            "a_read_barrier_sees_what_was_decided_anywhere",
        ),
        (Self::WaitsForNothing, "a_wait_ends_at_its_version_and_not_before"),
        (Self::ListsNothing, "an_update_names_what_has_changed"),
        (Self::FirstUpdateIsEmpty, "the_first_update_is_everything"),
        (Self::LosesADroppedUpdate, "a_dropped_next_loses_nothing"),
        (Self::SkipsTheNewest, "a_slow_follower_never_misses_the_newest"),
        (Self::IsDeafToTheStop, "a_stop_wakes_whoever_waits"),
        (Self::AppliesWhatItRefuses, "a_refused_change_changes_nothing"),
    ];
}

struct Double {
    fault: Fault,
    inner: Arc<LocalStore>,
    // Another node's handle, for what this one hides from its own.
    log: Arc<LocalLog>,
    requests: AtomicU64,
}

impl fmt::Debug for Double {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Double")
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}

fn make(fault: Fault) -> impl Fn(usize) -> std::future::Ready<Cluster> {
    move |nodes| {
        let (log, handles) = handles(nodes);
        let changes_max = if fault == Fault::TakesAnyLength { 8 } else { 16 };
        let made = cluster(handles, changes_max, |inner| {
            let requests = AtomicU64::new(inner.node().as_u64() << 32);
            Arc::new(Double {
                fault,
                inner,
                log: Arc::clone(&log),
                requests,
            })
        });
        std::future::ready(made)
    }
}

#[async_trait]
impl MetadataStore for Double {
    async fn propose(&self, mut proposal: Proposal) -> Result<Vec<Outcome>, ProposeError> {
        match self.fault {
            Fault::AnswersBeforeItApplies => {
                self.inner.resume();
                let other = self.log.store(NodeId::new(99));
                self.inner.pause();
                return other.propose(proposal).await;
            }
            Fault::ForgetsRequests => {
                proposal.request = RequestId(u128::from(self.requests.fetch_add(1, Ordering::Relaxed)));
            }
            Fault::AllOrNothing => {
                let mut scratch = Metadata::clone(&self.inner.snapshot());
                let version = scratch.version;
                let refused = proposal
                    .changes
                    .iter()
                    .any(|c| scratch.apply(version, c).outcome.is_err());
                if refused {
                    return Ok(vec![
                        Err(Refused::Invalid("not all".into()));
                        proposal.changes.len()
                    ]);
                }
            }
            Fault::AppliesWhatItRefuses => {
                let on = !self.inner.snapshot().balancing;
                let outcomes = self.inner.propose(proposal.clone()).await?;
                if outcomes.iter().any(Result::is_err) {
                    let node = NodeId::new(1_000 + u64::from(on));
                    let request = RequestId(u128::from(self.requests.fetch_add(1, Ordering::Relaxed)));
                    let changes = vec![tidegate_tablets::Change::AddNode { node }];
                    self.inner.propose(Proposal { request, changes }).await?;
                }
                return Ok(outcomes);
            }
            Fault::BarrierLooksAtItselfOnly => self.inner.resume(),
            _ => {}
        }
        let answer = self.inner.propose(proposal).await;
        if self.fault == Fault::BarrierLooksAtItselfOnly {
            self.inner.pause();
        }
        answer
    }

    async fn wait_applied(&self, version: Version) -> Result<(), StoreStopped> {
        match self.fault {
            Fault::WaitsForNothing => Ok(()),
            Fault::IsDeafToTheStop => std::future::pending().await,
            _ => self.inner.wait_applied(version).await,
        }
    }

    async fn read_barrier(&self) -> Result<Version, StoreStopped> {
        match self.fault {
            Fault::BarrierLooksAtItselfOnly => Ok(self.inner.snapshot().version),
            _ => self.inner.read_barrier().await,
        }
    }

    fn snapshot(&self) -> Arc<Metadata> {
        self.inner.snapshot()
    }

    fn changes(&self) -> Box<dyn Changes> {
        Box::new(DoubleChanges {
            fault: self.fault,
            inner: self.inner.changes(),
            given: 0,
            held: None,
        })
    }
}

#[derive(Debug)]
struct DoubleChanges {
    fault: Fault,
    inner: Box<dyn Changes>,
    given: u64,
    held: Option<Update>,
}

#[async_trait]
impl Changes for DoubleChanges {
    async fn next(&mut self) -> Result<Update, StoreStopped> {
        let mut update = self.inner.next().await?;
        match self.fault {
            Fault::ListsNothing if self.given > 0 => update.touched = Touched::Tablets([].into()),
            Fault::FirstUpdateIsEmpty => update.touched = Touched::Tablets([].into()),
            // Taken off, and not yet handed over: whoever drops it now has lost it.
            Fault::LosesADroppedUpdate => tokio::task::yield_now().await,
            // Hands over the one before, once it has one.
            Fault::SkipsTheNewest if self.given > 0 => {
                let newest = self.held.replace(update);
                update = match newest {
                    Some(before) => before,
                    None => self.inner.next().await?,
                };
            }
            _ => {}
        }
        self.given += 1;
        Ok(update)
    }
}

// In paused time: most are found by a deadline.
#[tokio::test(start_paused = true)]
async fn every_double_is_found() {
    let found: Vec<_> = Fault::ALL
        .into_iter()
        .map(|(fault, name)| {
            let case = *CASES.iter().find(|case| case.name == name).expect("a case");
            (fault, name, tokio::spawn(run(case, make(fault))))
        })
        .collect();
    for (fault, name, verdict) in found {
        let verdict = verdict.await.expect("a verdict");
        assert!(verdict.is_err(), "{fault:?} passes {name}");
    }
}
