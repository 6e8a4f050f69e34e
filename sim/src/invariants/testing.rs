//! Runs made by hand: four nodes, and a tablet on three of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tidegate_coordinator::OperationKind;
use tidegate_guard::SessionId;
use tidegate_kv::{Row, Timestamp};
use tidegate_session::SessionState;
use tidegate_tablets::{
    Change, Metadata, NodeId, Reason, Stage, TableId, Tablet, TabletId, Transition, TransitionKind, Version,
};

use super::facts::Facts;
use super::{Invariant, Now};
use crate::engine::{Held, Rows, StagedArea};
use crate::event::{ClientAnswer, ClientOp, EffectKind, Event};
use crate::recorder::View;

pub(crate) const TABLE: TableId = TableId::new(0);
pub(crate) const TABLET: TabletId = TabletId::new(0);

pub(crate) fn n(node: u64) -> NodeId {
    NodeId::new(node)
}

/// What is in the cluster: what the test has put there.
#[derive(Debug, Default)]
pub(crate) struct Look {
    pub(crate) held: BTreeMap<NodeId, Held>,
    pub(crate) open: BTreeMap<NodeId, BTreeSet<SessionId>>,
    pub(crate) closing: BTreeMap<NodeId, BTreeSet<SessionId>>,
    pub(crate) down: BTreeSet<NodeId>,
    pub(crate) left: (usize, usize),
}

#[derive(Debug, Default)]
struct Shown(Mutex<Look>);

impl View for Shown {
    fn metadata(&self) -> Arc<Metadata> {
        Arc::default()
    }

    fn is_up(&self, node: NodeId) -> bool {
        !self.0.lock().unwrap().down.contains(&node)
    }

    fn held(&self, node: NodeId) -> Held {
        self.0
            .lock()
            .unwrap()
            .held
            .get(&node)
            .cloned()
            .unwrap_or_default()
    }

    fn sessions(&self, node: NodeId) -> (Vec<SessionId>, Vec<SessionId>) {
        let look = self.0.lock().unwrap();
        let of = |sessions: &BTreeMap<NodeId, BTreeSet<SessionId>>| {
            sessions.get(&node).into_iter().flatten().copied().collect()
        };
        (of(&look.open), of(&look.closing))
    }

    fn streams(&self) -> usize {
        self.0.lock().unwrap().left.0
    }

    fn tasks(&self) -> usize {
        self.0.lock().unwrap().left.1
    }
}

/// A run made by hand, held against one invariant.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) metadata: Metadata,
    pub(crate) at: Duration,
    facts: Facts,
    shown: Shown,
    invariant: Box<dyn Invariant>,
    calls: u64,
}

pub(crate) type Seen = Result<(), String>;

impl World {
    pub(crate) fn new(invariant: impl Invariant + 'static) -> Self {
        let mut world = Self {
            metadata: Metadata::default(),
            at: Duration::ZERO,
            facts: Facts::default(),
            shown: Shown::default(),
            invariant: Box::new(invariant),
            calls: 0,
        };
        for node in 1..=5 {
            world.change(&Change::AddNode { node: n(node) }).unwrap();
            let started = Event::Started {
                node: n(node),
                incarnation: 1,
                version: Version::new(0),
            };
            world.tell(started).unwrap();
        }
        let replicas = vec![[1, 2, 3].map(n).into()];
        let table = Change::CreateTable {
            name: "t".to_owned(),
            replicas,
        };
        world.change(&table).unwrap();
        world
    }

    pub(crate) fn tell(&mut self, event: Event) -> Seen {
        self.facts.take_in(&event);
        let view: &dyn View = &self.shown;
        let now = Now {
            at: self.at,
            facts: &self.facts,
            view: Some(view),
        };
        self.invariant.observe(&now, &event)
    }

    pub(crate) fn end(&mut self) -> Seen {
        let view: &dyn View = &self.shown;
        let now = Now {
            at: self.at,
            facts: &self.facts,
            view: Some(view),
        };
        self.invariant.at_end(&now)
    }

    pub(crate) fn look(&mut self) -> &mut Look {
        self.shown.0.get_mut().unwrap()
    }

    /// What the product makes of a change.
    pub(crate) fn change(&mut self, change: &Change) -> Seen {
        let version = Version::new(self.metadata.version.as_u64() + 1);
        let applied = self.metadata.apply(version, change);
        let refused = applied.outcome.as_ref().err();
        assert!(refused.is_none(), "{change:?}: {refused:?}");
        self.decided(applied.touched.into_iter().collect())
    }

    /// What no change could make.
    pub(crate) fn edit(&mut self, edit: impl FnOnce(&mut Tablet)) -> Seen {
        let mut tablet = self.tablet().clone();
        edit(&mut tablet);
        self.metadata.tablets.insert_mut(TABLET, tablet);
        self.metadata.version = Version::new(self.metadata.version.as_u64() + 1);
        self.decided(vec![TABLET])
    }

    fn decided(&mut self, touched: Vec<TabletId>) -> Seen {
        let metadata = Arc::new(self.metadata.clone());
        self.tell(Event::Decided {
            metadata,
            outcomes: Vec::new(),
            touched,
        })
    }

    /// Begins: a move or a rebuild from 1 to 4, or a purge.
    pub(crate) fn begin(&mut self, kind: TransitionKind) -> Seen {
        let moved = kind != TransitionKind::Purge;
        self.change(&Change::Begin {
            tablet: TABLET,
            expected: self.tablet().epoch,
            kind,
            leaving: moved.then_some(n(1)),
            pending: moved.then_some(n(4)),
            purge_floor: if moved { 0 } else { 77 },
            reason: Reason::Operator,
        })
    }

    pub(crate) fn advance(&mut self, to: Option<Stage>) -> Seen {
        self.change(&Change::Advance {
            tablet: TABLET,
            expected: self.tablet().epoch,
            to,
        })
    }

    /// Goes on until the transition is in `stage`; for invariants that do not mind.
    pub(crate) fn lead_to(&mut self, stage: Stage) {
        while self.transition().stage != stage {
            let next = self.transition().stage.next();
            self.advance(next).unwrap();
        }
    }

    pub(crate) fn cancel(&mut self) -> Seen {
        let begun = self.transition().begun;
        self.change(&Change::Cancel {
            tablet: TABLET,
            begun,
        })
    }

    pub(crate) fn exclude(&mut self, node: u64) -> Seen {
        self.change(&Change::Exclude {
            node: n(node),
            give_up_quorum: true,
        })
    }

    pub(crate) fn tablet(&self) -> &Tablet {
        &self.metadata.tablets[&TABLET]
    }

    pub(crate) fn transition(&self) -> &Transition {
        self.tablet().transition.as_ref().unwrap()
    }

    pub(crate) fn session(&self) -> SessionId {
        self.transition().session.unwrap().0
    }

    /// The node's copy of the metadata comes up to the newest.
    pub(crate) fn applied(&mut self, node: u64) -> Seen {
        self.tell(Event::Applied {
            node: n(node),
            version: self.metadata.version,
            snapshot: false,
        })
    }

    pub(crate) fn is(&mut self, node: u64, session: SessionId, state: SessionState) -> Seen {
        self.is_in(1, node, session, state)
    }

    pub(crate) fn is_in(
        &mut self,
        incarnation: u64,
        node: u64,
        session: SessionId,
        state: SessionState,
    ) -> Seen {
        let (open, closing) = (state == SessionState::Open, state == SessionState::Closing);
        let look = self.look();
        let places = [(&mut look.open, open), (&mut look.closing, closing)];
        for (sessions, here) in places {
            let sessions = sessions.entry(n(node)).or_default();
            if here {
                sessions.insert(session);
            } else {
                sessions.remove(&session);
            }
        }
        self.tell(Event::Session {
            node: n(node),
            incarnation,
            session,
            state,
        })
    }

    /// A call begins; answers its number.
    pub(crate) fn begins(
        &mut self,
        node: u64,
        kind: EffectKind,
        session: Option<SessionId>,
    ) -> Result<u64, String> {
        self.calls += 1;
        let call = self.calls;
        self.tell(Event::EffectBegun {
            call,
            node: n(node),
            tablet: TABLET,
            kind,
            session,
        })?;
        Ok(call)
    }

    pub(crate) fn ends(&mut self, call: u64) -> Seen {
        self.tell(Event::EffectEnded { call, done: true })
    }

    pub(crate) fn does(&mut self, node: u64, kind: EffectKind, session: Option<SessionId>) -> Seen {
        let call = self.begins(node, kind, session)?;
        self.ends(call)
    }

    pub(crate) fn barrier(&mut self, node: u64) -> Seen {
        self.tell(Event::BarrierAnswered {
            node: n(node),
            tablet: TABLET,
            epoch: self.tablet().epoch,
            result: Ok(()),
        })
    }

    pub(crate) fn barriers(&mut self) -> Seen {
        let nodes = self.tablet().participants();
        nodes.into_iter().try_for_each(|node| self.barrier(node.as_u64()))
    }

    pub(crate) fn operation(&mut self, node: u64, kind: OperationKind) -> Seen {
        self.tell(Event::OperationAnswered {
            node: n(node),
            kind,
            tablet: TABLET,
            session: self.session(),
            result: Ok(()),
        })
    }

    /// Puts rows where readers see them: keys with their times; a value is named after its time.
    pub(crate) fn put(&mut self, node: u64, rows: &[(&'static str, u64)]) {
        let held = self.look().held.entry(n(node)).or_default();
        held.rows.insert(TABLET, rows_of(rows));
    }

    pub(crate) fn stage(&mut self, node: u64, session: SessionId, rows: &[(&'static str, u64)]) {
        let area = StagedArea {
            rows: rows_of(rows),
            attached: false,
        };
        let held = self.look().held.entry(n(node)).or_default();
        held.staged.insert((TABLET, session), area);
    }

    pub(crate) fn invoke(&mut self, op: u64, key: &'static str, what: ClientOp) -> Seen {
        self.tell(Event::Invoked {
            op,
            client: op,
            node: n(1),
            table: TABLE,
            key: Bytes::from_static(key.as_bytes()),
            what,
        })
    }

    pub(crate) fn answer(&mut self, op: u64, answer: ClientAnswer) -> Seen {
        self.tell(Event::Returned { op, answer })
    }

    /// An operation that begins and returns at once.
    pub(crate) fn client(&mut self, op: u64, key: &'static str, what: ClientOp, answer: ClientAnswer) {
        self.invoke(op, key, what).unwrap();
        self.answer(op, answer).unwrap();
    }
}

fn rows_of(rows: &[(&'static str, u64)]) -> Rows {
    let rows = rows.iter().map(|(key, time)| {
        let key = Bytes::from_static(key.as_bytes());
        let row = Row {
            key: key.clone(),
            timestamp: Timestamp {
                time: *time,
                node: 1,
                start: 1,
            },
            value: Some(value(*time)),
        };
        (key, row)
    });
    rows.collect()
}

/// The value that was written at a time.
pub(crate) fn value(time: u64) -> Bytes {
    Bytes::from(format!("v{time}"))
}

/// Holds only if it was caught, and says why.
#[track_caller]
pub(crate) fn caught(seen: Seen, why: &str) {
    let text = seen.expect_err("it was not caught");
    assert!(text.contains(why), "{text:?} does not say {why:?}");
}
