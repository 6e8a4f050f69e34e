//! A node's steps: it applies metadata, does its barriers, starts, sweeps. What it decides, the product's pure
//! functions decide.

use std::collections::BTreeSet;

use tidegate_coordinator::BarrierError;
use tidegate_guard::SessionId;
use tidegate_replica::rules::{
    Drained, SessionsStep, about_to_be_pending, acts_on, barrier_may_begin, barrier_result, is_concerned,
    keeps_staged, to_drain,
};
use tidegate_session::{SessionBook, SessionDelta, SessionState};
use tidegate_tablets::{Epoch, FenceRule, NodeId, Touched, Version};

use super::map::Map;
use super::reached::{Reach, reach};
use super::scope::{DELETED_AT, TABLET};
use super::state::{Answer, Ask, At, Call, Node, Phase, Row, Running, State};

impl State {
    /// The versions to which a node may go now: the next one, and the newest; after a start any that it may act on.
    pub(super) fn next_copies(&self, node: &Node) -> Vec<Version> {
        let newest = self.log.newest().version();
        if !node.up {
            return Vec::new();
        }
        let next = |version: Version| Version::new(version.as_u64() + 1);
        if !node.published {
            let all = (node.copy.as_u64()..=newest.as_u64()).map(Version::new);
            return all.filter(|version| acts_on(*version, node.barrier)).collect();
        }
        match newest.as_u64() - node.copy.as_u64() {
            0 => Vec::new(),
            1 => vec![newest],
            _ => vec![next(node.copy), newest],
        }
    }

    /// A node applies the metadata up to a version.
    pub(super) fn apply(&mut self, id: NodeId, to: Version) {
        let map = self.log.at(to).clone();
        let node = self.node_mut(id);
        let one = node.published && to.as_u64() == node.copy.as_u64() + 1;
        let touched = if one {
            Touched::Tablets([TABLET].into())
        } else {
            // A start, or a snapshot.
            Touched::All
        };
        let step = node.roles.follow(&map, &touched);
        let delta = match &step.sessions {
            SessionsStep::Exactly(wanted) => node.book.difference(wanted),
            SessionsStep::Delta { close, open } => SessionDelta {
                close: close.clone(),
                open: open.clone(),
            },
        };
        node.book.change(&delta, ());
        for (_, epoch) in &step.publish {
            match &mut node.fence {
                Some(rule) => {
                    rule.publish(*epoch);
                }
                none => *none = Some(FenceRule::first(*epoch)),
            }
        }
        if !step.forget.is_empty()
            && let Some(rule) = &mut node.fence
        {
            rule.forget();
        }
        node.copy = to;
        node.published = true;
        node.barrier = Version::default();
        node.wiped = node
            .wiped
            .filter(|begun| about_to_be_pending(&map, id, TABLET) == Some(*begun));
        self.forget_empty_fence(id);
        self.wake_holders(id);
        if self.node(id).book.open_ids().ne(map.session_of(TABLET, id)) {
            self.breaks("I2: what is open follows from the map alone");
        }
    }

    /// Whoever holds a closing session lets go, but for calls into the engine that have begun.
    pub(super) fn wake_holders(&mut self, id: NodeId) {
        let node = self.node_mut(id);
        let closing: BTreeSet<SessionId> = node.book.closing_ids().collect();
        let woken: Vec<Running> = node
            .operations
            .iter()
            .filter(|running| {
                matches!(running.phase, Phase::Opening(_)) && closing.contains(&running.held.session)
            })
            .cloned()
            .collect();
        for running in woken {
            reach(Reach::HolderWoken);
            self.end(id, &running, Answer::Closing);
        }
        let node = self.node_mut(id);
        finish_unheld(node);
        // The mark of what was attached goes with its session; it holds nothing, so when is nobody's business.
        if let Some(staged) = &node.staged
            && staged.attached
            && !node.covers(staged.session)
        {
            node.staged = None;
        }
    }

    /// An operation ends: it lets its guard go, and whoever waits for it hears.
    pub(super) fn end(&mut self, id: NodeId, running: &Running, answer: Answer) {
        let node = self.node_mut(id);
        node.operations.retain(|other| other != running);
        finish_unheld(node);
        if answer == Answer::Done {
            self.operation_done(id, running.asked);
        }
        for call in &mut self.calls {
            let joined = matches!(call.ask, Ask::Operation(kind, frozen)
                if kind == running.kind && frozen.session == running.asked);
            if call.node == id && call.at == At::Joined && joined {
                call.at = At::Answered(answer);
            }
        }
    }

    pub(super) fn operation_done(&mut self, id: NodeId, session: SessionId) {
        if self.log.newest().session() == Some(session) {
            self.truth.operations.insert(id);
        }
    }

    /// A call reaches its node, which has applied what it asks for.
    pub(super) fn deliver(&mut self, mut call: Call) {
        let Some(map) = self.map_of(call.node).cloned() else {
            return;
        };
        call.at = match call.ask {
            Ask::Barrier(epoch) => self.begin_barrier(call.node, epoch, &map),
            Ask::Operation(kind, frozen) => self.begin_operation(call.node, kind, frozen, &map),
        };
        self.calls.push(call);
    }

    fn begin_barrier(&mut self, id: NodeId, epoch: Epoch, map: &Map) -> At {
        if let Err(error) = barrier_may_begin(map, TABLET, epoch) {
            reach(Reach::BarrierRefused);
            return At::Answered(match error {
                BarrierError::Superseded { actual } => Answer::Superseded(actual),
                _ => Answer::Behind,
            });
        }
        let node = self.node_mut(id);
        if let Some(rule) = &mut node.fence {
            rule.raise(epoch);
        }
        let begun = about_to_be_pending(map, id, TABLET);
        if begun.is_some() && node.wiped != begun {
            node.row = Row::Nothing;
            node.staged = None;
            node.wiped = begun;
        }
        At::Draining(to_drain(node.book.closing_ids().collect(), TABLET))
    }

    /// What a barrier has waited for.
    pub(super) fn drained(&self, id: NodeId, epoch: Epoch, sessions: &[SessionId]) -> Drained {
        let book = &self.node(id).book;
        Drained {
            requests: !self.older_admitted(id, epoch),
            sessions: !sessions
                .iter()
                .any(|session| book.state(*session) == Some(SessionState::Closing)),
        }
    }

    fn older_admitted(&self, id: NodeId, epoch: Epoch) -> bool {
        self.requests
            .iter()
            .any(|request| request.node == id && request.admitted && request.epoch < epoch)
    }

    /// A barrier has ended, or reaches its deadline; its answer.
    pub(super) fn barrier_ends(&mut self, id: NodeId, epoch: Epoch, drained: Drained) -> Answer {
        if barrier_result(drained).is_err() {
            return Answer::Held;
        }
        let node = self.node(id);
        let shown = self.map_of(id).map(|map| map.tablet().epoch);
        let fenced = node.fence.is_none_or(|rule| rule.fence() >= epoch);
        // What began to close after the barrier's own epoch is the business of a later one.
        let drained = shown != Some(epoch) || node.book.closing_ids().len() == 0;
        if !fenced {
            self.breaks("a barrier is answered only when the fence is up");
        }
        if !drained || self.older_admitted(id, epoch) {
            self.breaks("a barrier is answered only when nothing older is left");
        }
        if self.log.newest().tablet().epoch == epoch {
            self.truth.barriers.insert(id);
        }
        Answer::Done
    }

    /// Whether a node finds something that its metadata does not know any more, and nobody holds.
    pub(super) fn may_sweep(&self, node: &Node) -> bool {
        let Some(map) = self.map_of(node.id) else {
            return false;
        };
        let staged = node.staged.as_ref().is_some_and(|staged| {
            !keeps_staged(map, node.id, staged.session) && !node.covers(staged.session)
        });
        let rows = node.row != Row::Nothing && !is_concerned(map, node.id, TABLET);
        let held = node.book.closing_ids().len() > 0 || self.older_admitted(node.id, Epoch::MAX);
        staged || (rows && !held)
    }

    /// A node deletes what it finds of that.
    pub(super) fn sweep(&mut self, id: NodeId) {
        let concerned = self.map_of(id).is_some_and(|map| is_concerned(map, id, TABLET));
        let node = self.node_mut(id);
        node.staged = None;
        if !concerned {
            node.row = Row::Nothing;
        }
    }

    /// A node loses what is not durable, and starts again at older metadata.
    pub(super) fn restart(&mut self, id: NodeId, back: u64) {
        let newest = self.log.newest().version();
        let oldest = self.log.oldest();
        let node = self.node_mut(id);
        let copy = Version::new(node.copy.as_u64().saturating_sub(back)).max(oldest);
        let started = Node::started(id, copy, newest, node.row);
        *node = Node {
            staged: node.staged.take(),
            ..started
        };
        for call in &mut self.calls {
            if call.node == id && matches!(call.at, At::Draining(_) | At::Joined) {
                call.at = At::Answered(Answer::Lost);
            }
        }
        self.lose_requests(id, |request| request.admitted);
    }

    /// A tablet's fence is forgotten with the last holder.
    pub(super) fn forget_empty_fence(&mut self, id: NodeId) {
        let held = self.older_admitted(id, Epoch::MAX);
        let node = self.node_mut(id);
        if !held && node.fence.is_some_and(|rule| rule.published().is_none()) {
            node.fence = None;
        }
    }

    /// Whether the purge that a node is asked for would drop the deletion.
    pub(super) fn is_purged(&self) -> bool {
        self.log.newest().tablet().purge_floor >= DELETED_AT
    }
}

/// A closing session that nobody holds is closed.
fn finish_unheld(node: &mut Node) {
    let closing: Vec<SessionId> = node.book.closing_ids().collect();
    for session in closing {
        if !node.holds(session) {
            let book: &mut SessionBook<()> = &mut node.book;
            book.finish(session);
        }
    }
}
