//! The metadata as it is, a coordinator that may lag behind it, and what nodes have truly answered.

use std::collections::BTreeMap;

use tidegate_guard::{Rejected, SessionId};

use super::super::*;
use super::Event;
use crate::BarrierError;

#[derive(Debug, Clone)]
enum Call {
    Barrier {
        node: NodeId,
        tablet: TabletId,
        epoch: Epoch,
    },
    Operation {
        node: NodeId,
        tablet: TabletId,
        session: SessionId,
        kind: OperationKind,
    },
}

/// The metadata as it is, a coordinator that may lag behind it, and what nodes have truly answered.
pub(super) struct Model {
    actual: Metadata,
    coordinator: World,
    follows: bool,
    calls: Vec<Call>,
    answered: Vec<Call>,
    barriers: BTreeSet<(TabletId, Epoch, NodeId)>,
    operations: BTreeMap<(TabletId, SessionId, NodeId), OperationKind>,
}

impl Model {
    pub(super) fn new() -> Self {
        let coordinator = World::new(3);
        let actual = coordinator.metadata.clone();
        Self {
            actual,
            coordinator,
            follows: true,
            calls: Vec::new(),
            answered: Vec::new(),
            barriers: BTreeSet::new(),
            operations: BTreeMap::new(),
        }
    }

    fn apply(&mut self, change: &Change) -> Outcome {
        let version = Version::new(self.actual.version.as_u64() + 1);
        let outcome = self.actual.apply(version, change).outcome;
        self.follow();
        outcome
    }

    fn follow(&mut self) {
        if self.follows {
            self.coordinator.metadata = self.actual.clone();
            let World {
                metadata,
                progress,
                now_ms,
            } = &mut self.coordinator;
            progress.observe(metadata, &Touched::All, *now_ms);
        }
    }

    fn pick(&self, number: u8) -> TabletId {
        TabletId::new(u64::from(number) % 3)
    }

    pub(super) fn happens(&mut self, event: &Event) {
        match *event {
            Event::Start { some } => self.start(some),
            Event::End { which, how } => {
                if !self.calls.is_empty() {
                    let call = self.calls.swap_remove(usize::from(which) % self.calls.len());
                    self.end(&call, how);
                }
            }
            Event::Wait { ms } => self.coordinator.now_ms += u64::from(ms),
            Event::Replace => {
                self.coordinator.progress = Progress::new(retry());
                self.calls.clear();
                self.follows = true;
                self.follow();
            }
            Event::Follow { follows } => {
                self.follows = follows;
                self.follow();
            }
            Event::Exclude { node } => {
                let change = Change::Exclude {
                    node: n(u64::from(node)),
                    give_up_quorum: node % 2 == 0,
                };
                self.apply(&change).ok();
            }
            Event::Cancel { tablet } => {
                let tablet = self.pick(tablet);
                let transition = self
                    .actual
                    .tablets
                    .get(&tablet)
                    .and_then(|known| known.transition.as_ref());
                if let Some(begun) = transition.map(|transition| transition.begun) {
                    self.apply(&Change::Cancel { tablet, begun }).ok();
                }
            }
            Event::FewerSources { tablet } => {
                let tablet = self.pick(tablet);
                if let Some(expected) = self.actual.tablets.get(&tablet).map(|known| known.epoch) {
                    self.apply(&Change::AllowFewerSources { tablet, expected }).ok();
                }
            }
            Event::Begin {
                tablet,
                kind,
                from,
                to,
            } => self.begin(tablet, kind, from, to),
            Event::Drop => {
                let table = self.actual.tables.keys().next().copied();
                if let Some(table) = table {
                    self.apply(&Change::DropTable { table }).ok();
                }
            }
            Event::Echo { which } => {
                if !self.answered.is_empty() {
                    let call = self.answered[usize::from(which) % self.answered.len()].clone();
                    self.tell(&call, Ok(()));
                }
            }
        }
    }

    fn begin(&mut self, tablet: u8, kind: u8, from: u8, to: u8) {
        let tablet = self.pick(tablet);
        let Some(expected) = self.actual.tablets.get(&tablet).map(|known| known.epoch) else {
            return;
        };
        let (from, to) = (Some(n(u64::from(from))), Some(n(u64::from(to))));
        let (kind, leaving, pending, purge_floor) = match kind {
            0 => (TransitionKind::Migration, from, to, 0),
            1 => (TransitionKind::Rebuild, from, to, 0),
            _ => (TransitionKind::Purge, None, None, expected.as_u64() * 10),
        };
        self.apply(&Change::Begin {
            tablet,
            expected,
            kind,
            leaving,
            pending,
            purge_floor,
            reason: Reason::Operator,
        })
        .ok();
    }

    fn start(&mut self, some: u16) {
        for (at, action) in self.coordinator.plan().into_iter().enumerate() {
            if some >> (at % 16) & 1 == 0 {
                continue;
            }
            match action {
                Action::Barrier {
                    node,
                    tablet,
                    epoch,
                    min_version,
                    ..
                } => {
                    assert!(
                        !self.coordinator.metadata.is_excluded(node),
                        "an excluded node is not asked"
                    );
                    assert!(min_version <= self.actual.version);
                    self.coordinator.progress.barrier_started(tablet, epoch, node);
                    self.calls.push(Call::Barrier { node, tablet, epoch });
                }
                Action::Operate {
                    node,
                    kind,
                    tablet,
                    frozen,
                    ..
                } => {
                    assert!(
                        !self.coordinator.metadata.is_excluded(node),
                        "an excluded node is not asked"
                    );
                    let session = frozen.session;
                    self.coordinator
                        .progress
                        .operation_started(tablet, session, kind, node);
                    self.calls.push(Call::Operation {
                        node,
                        tablet,
                        session,
                        kind,
                    });
                }
                Action::Propose {
                    tablet,
                    epoch,
                    change,
                    back,
                    ..
                } => {
                    self.propose(tablet, epoch, &change, back.as_ref());
                }
                Action::GiveUp { tablet, epoch, .. } => self.coordinator.progress.gave_up(tablet, epoch),
            }
        }
    }

    fn propose(&mut self, tablet: TabletId, epoch: Epoch, change: &Change, back: Option<&WayBack>) {
        let Change::Advance { expected, to, .. } = change else {
            panic!("{change:?}")
        };
        let known = self.coordinator.metadata.tablets[&tablet].clone();
        assert_eq!(
            (*expected, epoch),
            (known.epoch, known.epoch),
            "names the epoch that it was planned at"
        );
        self.coordinator.progress.change_started(tablet, epoch, back);
        let before = self.actual.tablets.get(&tablet).cloned();
        let outcome = self.apply(change);
        let current = before.as_ref().is_some_and(|before| before.epoch == epoch);
        if current {
            assert!(
                outcome.is_ok(),
                "{change:?} at the tablet's own epoch: {outcome:?}"
            );
            let went_back = back.is_some_and(|back| *back != WayBack::FellBack);
            if !went_back {
                self.check_done(tablet, &known, *to);
            }
        } else {
            assert!(outcome.is_err(), "a coordinator that lags moves nothing");
            assert_eq!(self.actual.tablets.get(&tablet).cloned(), before);
        }
        let judged = outcome.map(drop).map_err(|refused| refused.to_string());
        let now_ms = self.coordinator.now_ms;
        self.coordinator
            .progress
            .change_ended(tablet, epoch, judged, now_ms);
    }

    /// What the stage asks for was truly answered, by everyone whom the coordinator did not know to be excluded.
    fn check_done(&self, id: TabletId, tablet: &Tablet, to: Option<Stage>) {
        let transition = tablet.transition.as_ref().expect("in transition");
        let stage = transition.stage;
        assert_eq!(to, stage.next());
        let asked = |node: &NodeId| !self.coordinator.metadata.is_excluded(*node);
        if !matches!(stage, Stage::Streaming | Stage::Cleanup) {
            for node in transition.participants().iter().filter(|node| asked(node)) {
                let done = self.barriers.contains(&(id, tablet.epoch, *node));
                assert!(done, "{stage} was left without the barrier of {node}");
            }
        }
        let (kind, nodes) = match stage {
            Stage::Streaming => (OperationKind::Stream, transition.pending().into_iter().collect()),
            Stage::Cleanup => (OperationKind::Cleanup, transition.leaving().into_iter().collect()),
            Stage::CleanupTarget => (OperationKind::Cleanup, transition.pending().into_iter().collect()),
            Stage::Fill => (OperationKind::Fill, transition.participants()),
            Stage::Purge => (OperationKind::Purge, transition.participants()),
            _ => return,
        };
        let (session, _) = transition.session.expect("a session");
        for node in nodes.into_iter().filter(asked) {
            let done = self.operations.get(&(id, session, node));
            assert_eq!(done, Some(&kind), "{stage} was left without the {kind} of {node}");
        }
    }

    fn end(&mut self, call: &Call, how: u8) {
        let Err(error) = outcome(call, how) else {
            self.answered.push(call.clone());
            match *call {
                Call::Barrier { node, tablet, epoch } => {
                    self.barriers.insert((tablet, epoch, node));
                }
                Call::Operation {
                    node,
                    tablet,
                    session,
                    kind,
                } => {
                    self.operations.insert((tablet, session, node), kind);
                }
            }
            return self.tell(call, Ok(()));
        };
        self.tell(call, Err(error));
    }

    fn tell(&mut self, call: &Call, result: Result<(), StepError>) {
        let World { progress, now_ms, .. } = &mut self.coordinator;
        match *call {
            Call::Barrier { node, tablet, epoch } => {
                progress.barrier_ended(tablet, epoch, node, result, *now_ms);
            }
            Call::Operation {
                node,
                tablet,
                session,
                kind,
            } => {
                progress.operation_ended(tablet, session, kind, node, result, *now_ms);
            }
        }
    }

    /// No faults are left, and an operator answers what only one can: the steps it takes until all is done.
    pub(super) fn settle(&mut self, steps_max: usize) {
        self.happens(&Event::Follow { follows: true });
        for _ in 0..steps_max {
            if self.coordinator.progress.tablets().next().is_none() {
                assert!(
                    self.actual
                        .tablets
                        .values()
                        .all(|tablet| tablet.transition.is_none())
                );
                return;
            }
            self.start(u16::MAX);
            for call in std::mem::take(&mut self.calls) {
                self.end(&call, 0);
            }
            for tablet in 0..3 {
                let id = TabletId::new(u64::from(tablet));
                let World {
                    metadata, progress, ..
                } = &self.coordinator;
                if let Some(Decision::WaitForSources { .. }) = explain(metadata, progress, id) {
                    self.happens(&Event::FewerSources { tablet });
                }
            }
            let due_ms = self.coordinator.progress.next_due_ms(self.coordinator.now_ms);
            self.coordinator.now_ms = due_ms.unwrap_or(self.coordinator.now_ms);
        }
        panic!("still in transition: {:?}", self.actual.tablets);
    }
}

/// What a node answers: 0 to 6 that it is done.
fn outcome(call: &Call, how: u8) -> Result<(), StepError> {
    let (Call::Barrier { node, .. } | Call::Operation { node, .. }) = *call;
    let barrier = matches!(call, Call::Barrier { .. });
    Err(match how {
        0..=6 => return Ok(()),
        7 => CallError::Unreachable {
            node,
            reason: String::new(),
        }
        .into(),
        8 => CallError::TimedOut {
            node,
            waited: Duration::ZERO,
        }
        .into(),
        9 if barrier => BarrierError::Superseded {
            actual: Epoch::new(99),
        }
        .into(),
        9 => OperationError::Rejected(Rejected::Closed).into(),
        10 if barrier => BarrierError::Held {
            holders: vec!["stream.receive".to_owned()],
        }
        .into(),
        10 => OperationError::Running.into(),
        _ if barrier => StepError::NoAnswer,
        _ => OperationError::Hopeless("disk full".to_owned()).into(),
    })
}
