//! A hash over all events, so that two runs can be compared by one number.

use std::time::Duration;

use tidegate_coordinator::OperationKind;
use tidegate_guard::SessionId;
use tidegate_session::SessionState;
use tidegate_tablets::{Metadata, NodeId, TabletId};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::event::{ClientAnswer, ClientOp, Event};

/// A hash over all events so far: of their fields, in order, and of when each happened.
#[derive(Debug, Default)]
pub(super) struct RollingHash {
    value: u64,
    // Kept for its capacity.
    bytes: Vec<u8>,
}

impl RollingHash {
    pub(super) const fn value(&self) -> u64 {
        self.value
    }

    pub(super) fn take_in(&mut self, at: Duration, event: &Event) {
        self.bytes.clear();
        let mut fields = Fields(&mut self.bytes);
        fields.number(at.as_nanos() as u64);
        fields.event(event);
        self.value = xxh3_64_with_seed(&self.bytes, self.value);
    }
}

/// The fields of an event, one after another. Each has a fixed length, or its length in front.
struct Fields<'a>(&'a mut Vec<u8>);

impl Fields<'_> {
    fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn numbers(&mut self, numbers: impl IntoIterator<Item = u64>) {
        numbers.into_iter().for_each(|number| self.number(number));
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn session(&mut self, session: Option<SessionId>) {
        let bits = session.map_or(0, SessionId::as_u128);
        self.0.extend_from_slice(&bits.to_le_bytes());
    }

    fn result(&mut self, result: &Result<(), String>) {
        match result {
            Ok(()) => self.number(1),
            Err(error) => self.bytes(error.as_bytes()),
        }
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Decided {
                metadata,
                outcomes,
                touched,
            } => {
                self.number(1);
                self.decided(metadata, touched);
                self.numbers(outcomes.iter().map(|outcome| u64::from(outcome.is_ok())));
            }
            Event::Applied {
                node,
                version,
                snapshot,
            } => {
                self.numbers([2, node.as_u64(), version.as_u64(), u64::from(*snapshot)]);
            }
            Event::Started {
                node,
                incarnation,
                version,
            } => {
                self.numbers([3, node.as_u64(), *incarnation, version.as_u64()]);
            }
            Event::Crashed { node } => self.numbers([4, node.as_u64()]),
            Event::Stopping { node } => self.numbers([14, node.as_u64()]),
            Event::CoordinatorStarted { node } => self.numbers([5, node.as_u64()]),
            Event::CoordinatorStopped { node } => self.numbers([6, node.as_u64()]),
            Event::Session {
                node,
                incarnation,
                session,
                state,
            } => {
                let state = match state {
                    SessionState::Open => 0,
                    SessionState::Closing => 1,
                    SessionState::Closed => 2,
                };
                self.numbers([7, node.as_u64(), *incarnation, state]);
                self.session(Some(*session));
            }
            Event::Thawed { node, asked, given } => {
                self.numbers([8, node.as_u64()]);
                self.session(Some(*asked));
                self.session(*given);
            }
            Event::EffectBegun {
                call,
                node,
                tablet,
                kind,
                session,
            } => {
                self.numbers([9, *call, node.as_u64(), tablet.as_u64(), *kind as u64]);
                self.session(*session);
            }
            Event::EffectEnded { call, done } => self.numbers([10, *call, u64::from(*done)]),
            other => self.answer(other),
        }
    }

    /// What coordinators ask, and what they are answered.
    fn answer(&mut self, event: &Event) {
        match event {
            Event::BarrierAnswered {
                node,
                tablet,
                epoch,
                result,
            } => {
                self.numbers([11, node.as_u64(), tablet.as_u64(), epoch.as_u64()]);
                self.result(result);
            }
            Event::OperationAnswered {
                node,
                kind,
                tablet,
                session,
                result,
            } => {
                self.numbers([12, node.as_u64(), operation(*kind), tablet.as_u64()]);
                self.session(Some(*session));
                self.result(result);
            }
            Event::BarrierAsked {
                node,
                tablet,
                epoch,
                min_version,
            } => {
                self.numbers([13, node.as_u64(), tablet.as_u64()]);
                self.numbers([epoch.as_u64(), min_version.as_u64()]);
            }
            other => self.outer(other),
        }
    }

    /// What clients and the run itself do.
    fn outer(&mut self, event: &Event) {
        match event {
            Event::Invoked {
                op,
                client,
                node,
                table,
                key,
                what,
            } => {
                self.numbers([20, *op, *client, node.as_u64(), table.as_u64()]);
                self.bytes(key);
                match what {
                    ClientOp::Get => self.number(0),
                    ClientOp::Put(value) => self.bytes(value),
                    ClientOp::Delete => self.number(u64::MAX),
                }
            }
            Event::Returned { op, answer } => {
                self.numbers([21, *op]);
                match answer {
                    ClientAnswer::Value(Some(value)) => self.bytes(value),
                    ClientAnswer::Value(None) => self.number(u64::MAX),
                    ClientAnswer::Done => self.number(u64::MAX - 1),
                    ClientAnswer::Failed => self.number(u64::MAX - 2),
                    ClientAnswer::Unknown => self.number(u64::MAX - 3),
                }
            }
            Event::Fault { kind, nodes, hits } => {
                self.numbers([22, *kind as u64]);
                self.numbers(nodes.iter().map(|node| node.as_u64()));
                for (tablet, stage, role) in hits {
                    self.numbers([tablet.as_u64(), *stage as u64, *role as u64]);
                }
            }
            Event::Healed => self.number(23),
            Event::Note(text) => {
                self.number(24);
                self.bytes(text.as_bytes());
            }
            _ => {}
        }
    }

    fn decided(&mut self, metadata: &Metadata, touched: &[TabletId]) {
        self.number(metadata.version.as_u64());
        self.number(u64::from(metadata.balancing));
        for id in touched {
            self.number(id.as_u64());
            let Some(tablet) = metadata.tablets.get(id) else {
                continue;
            };
            self.number(tablet.epoch.as_u64());
            self.nodes(tablet.replicas.iter());
            if let Some(transition) = &tablet.transition {
                self.numbers([
                    transition.kind as u64,
                    transition.reason as u64,
                    transition.stage as u64,
                    transition.purge_floor,
                ]);
                self.nodes(transition.new.iter());
                self.session(transition.session.map(|(session, _)| session));
            }
        }
        let excluded = metadata.nodes.iter().filter(|(_, info)| info.excluded);
        self.nodes(excluded.map(|(node, _)| node));
    }

    fn nodes<'a>(&mut self, nodes: impl Iterator<Item = &'a NodeId>) {
        nodes.for_each(|node| self.number(node.as_u64()));
        self.number(u64::MAX);
    }
}

const fn operation(kind: OperationKind) -> u64 {
    kind as u64
}
