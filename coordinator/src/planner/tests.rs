//! The planner, without a runtime: on metadata that the real `apply` has made.

mod random;
mod stages;
mod urgency;
mod ways_back;
mod what_is_gone;

use std::collections::BTreeSet;
use std::time::Duration;

use tidegate_tablets::{
    Accepted, Change, Epoch, Metadata, NodeId, Outcome, Reason, Stage, Tablet, TabletId, Touched, Transition,
    TransitionKind, Version,
};

use super::{Action, Decision, Need, WayBack, explain, plan};
use crate::{CallError, OperationError, OperationKind, Progress, RetryConfig, StepError};

/// A tablet with replicas 1, 2 and 3 of seven nodes, and what is known of it.
#[derive(Clone)]
struct World {
    metadata: Metadata,
    progress: Progress,
    now_ms: u64,
}

const TABLET: TabletId = TabletId::new(0);

fn n(node: u64) -> NodeId {
    NodeId::new(node)
}

fn retry() -> RetryConfig {
    RetryConfig {
        delay_min: Duration::from_millis(10),
        delay_max: Duration::from_millis(80),
        barrier_failures_max: 4,
        operation_failures_max: 3,
        behind_answers_max: 2,
    }
}

impl World {
    fn new(tablets: usize) -> Self {
        let mut world = Self {
            metadata: Metadata::default(),
            progress: Progress::new(retry()),
            now_ms: 1000,
        };
        for node in 1..=7 {
            world
                .apply(&Change::AddNode { node: n(node) })
                .expect("a new node");
        }
        let replicas = vec![[1, 2, 3].map(n).into(); tablets];
        world
            .apply(&Change::CreateTable {
                name: "t".to_owned(),
                replicas,
            })
            .expect("a new table");
        world
    }

    fn apply(&mut self, change: &Change) -> Outcome {
        let version = Version::new(self.metadata.version.as_u64() + 1);
        let applied = self.metadata.apply(version, change);
        self.progress
            .observe(&self.metadata, &Touched::Tablets(applied.touched), self.now_ms);
        applied.outcome
    }

    fn begin(mut self, kind: TransitionKind) -> Self {
        let (leaving, pending) = match kind {
            TransitionKind::Purge => (None, None),
            _ => (Some(n(1)), Some(n(4))),
        };
        if kind == TransitionKind::Rebuild {
            self.exclude(1);
        }
        let purge_floor = if kind == TransitionKind::Purge { 77 } else { 0 };
        let expected = self.tablet().epoch;
        let begin = Change::Begin {
            tablet: TABLET,
            expected,
            kind,
            leaving,
            pending,
            purge_floor,
            reason: Reason::Operator,
        };
        self.apply(&begin).expect("begun");
        self
    }

    /// A transition that was led to `stage`, with nothing known.
    fn at(kind: TransitionKind, stage: Stage) -> Self {
        let mut world = Self::new(1).begin(kind);
        match stage {
            Stage::CleanupTarget | Stage::RevertMigration => {
                world.cancel();
            }
            Stage::WriteBothReadOldFallback => {
                world.lead_to(Stage::WriteBothReadNew);
                world.exclude(4);
                world
                    .advance(Some(stage))
                    .expect("more new than old ones are excluded");
            }
            _ => {}
        }
        world.lead_to(stage);
        world
    }

    fn lead_to(&mut self, stage: Stage) {
        while self.transition().stage != stage {
            let next = self.transition().stage.next();
            assert!(next.is_some(), "{stage} comes before {}", self.transition().stage);
            self.advance(next).expect("the next stage");
        }
    }

    fn advance(&mut self, to: Option<Stage>) -> Outcome {
        let expected = self.tablet().epoch;
        self.apply(&Change::Advance {
            tablet: TABLET,
            expected,
            to,
        })
    }

    fn exclude(&mut self, node: u64) {
        self.apply(&Change::Exclude {
            node: n(node),
            give_up_quorum: true,
        })
        .expect("a member");
    }

    fn cancel(&mut self) {
        let begun = self.transition().begun;
        self.apply(&Change::Cancel {
            tablet: TABLET,
            begun,
        })
        .expect("early enough");
    }

    /// Exchanges the transition for another: what no change could make.
    fn edit(&mut self, edit: impl FnOnce(&mut Transition)) {
        let mut tablet = self.tablet().clone();
        edit(tablet.transition.as_mut().expect("in transition"));
        self.metadata.tablets.insert_mut(TABLET, tablet);
        self.progress.observe(&self.metadata, &Touched::All, self.now_ms);
    }

    fn tablet(&self) -> &Tablet {
        &self.metadata.tablets[&TABLET]
    }

    fn transition(&self) -> &Transition {
        self.tablet().transition.as_ref().expect("in transition")
    }

    fn epoch(&self) -> Epoch {
        self.tablet().epoch
    }

    fn plan(&self) -> Vec<Action> {
        let actions = plan(&self.metadata, &self.progress, self.now_ms);
        assert_eq!(
            actions,
            plan(&self.metadata, &self.progress, self.now_ms),
            "the same every time"
        );
        actions
    }

    /// Whom the plan asks for a barrier, all at the tablet's epoch.
    fn barriers(&self) -> Vec<u64> {
        let asked = self.plan().into_iter().filter_map(|action| match action {
            Action::Barrier {
                node,
                epoch,
                min_version,
                tablet: TABLET,
                ..
            } => {
                assert_eq!((epoch, min_version), (self.epoch(), self.metadata.version));
                Some(node.as_u64())
            }
            _ => None,
        });
        asked.collect()
    }

    /// Whom the plan asks for which operation, all under the transition's session.
    fn operations(&self) -> Vec<(OperationKind, u64)> {
        let asked = self.plan().into_iter().filter_map(|action| match action {
            Action::Operate {
                node,
                kind,
                frozen,
                min_version,
                tablet: TABLET,
                ..
            } => {
                let (session, written) = self.transition().session.expect("a session");
                assert_eq!((frozen.session, frozen.epoch), (session, written.as_u64()));
                assert_eq!(min_version, self.metadata.version);
                Some((kind, node.as_u64()))
            }
            _ => None,
        });
        asked.collect()
    }

    /// What the plan proposes, by the epoch of the tablet.
    fn proposal(&self) -> Option<(Option<Stage>, Option<WayBack>, Option<&'static str>)> {
        let mut proposed = self.plan().into_iter().filter_map(|action| match action {
            Action::Propose {
                change: Change::Advance { tablet, expected, to },
                back,
                skipped,
                epoch,
                ..
            } => {
                assert_eq!((tablet, expected, epoch), (TABLET, self.epoch(), self.epoch()));
                Some((to, back, skipped))
            }
            _ => None,
        });
        let first = proposed.next();
        assert_eq!(proposed.next(), None, "one change of a tablet at a time");
        first
    }

    /// Whether the plan proposes to go back, to where and why.
    fn back(&self) -> Option<(Stage, WayBack)> {
        let (to, back, _) = self.proposal()?;
        Some((to.expect("a way back leads somewhere"), back?))
    }

    fn barrier_done(&mut self, node: u64) {
        let epoch = self.epoch();
        self.progress
            .barrier_ended(TABLET, epoch, n(node), Ok(()), self.now_ms);
    }

    fn barriers_done(&mut self) {
        for node in self.barriers() {
            self.barrier_done(node);
        }
    }

    fn operation_ended(&mut self, kind: OperationKind, node: u64, result: Result<(), StepError>) {
        let (session, _) = self.transition().session.expect("a session");
        self.progress
            .operation_ended(TABLET, session, kind, n(node), result, self.now_ms);
    }

    /// Lets one try of everything that the plan asks for fail, then waits until the next may be.
    fn fail_all(&mut self, error: &StepError) {
        for action in self.plan() {
            let now_ms = self.now_ms;
            match action {
                Action::Barrier {
                    node, tablet, epoch, ..
                } => {
                    self.progress.barrier_started(tablet, epoch, node);
                    self.progress
                        .barrier_ended(tablet, epoch, node, Err(error.clone()), now_ms);
                }
                Action::Operate {
                    node,
                    kind,
                    tablet,
                    frozen,
                    ..
                } => {
                    let session = frozen.session;
                    self.progress.operation_started(tablet, session, kind, node);
                    self.progress
                        .operation_ended(tablet, session, kind, node, Err(error.clone()), now_ms);
                }
                Action::GiveUp { tablet, epoch, .. } => self.progress.gave_up(tablet, epoch),
                Action::Propose { .. } => panic!("nothing was done"),
            }
        }
        self.now_ms = self.progress.next_due_ms(self.now_ms).unwrap_or(self.now_ms);
    }
}

fn unreachable(node: u64) -> StepError {
    CallError::Unreachable {
        node: n(node),
        reason: "down".to_owned(),
    }
    .into()
}

fn failed() -> StepError {
    OperationError::Failed("stalled".to_owned()).into()
}
