//! A node's steps: it applies metadata, takes calls, and its engine's calls end. What it decides, the product's pure
//! functions decide.

use std::collections::BTreeSet;

use tidegate_coordinator::{BarrierError, OperationError, OperationKind};
use tidegate_guard::{Rejected, SessionId};
use tidegate_replica::rules::{
    Drained, NotAdmitted, SessionsStep, about_to_be_pending, acts_on, admits_pull, barrier_may_begin,
    barrier_result, is_concerned, keeps_staged, part, to_drain,
};
use tidegate_session::{SessionBook, SessionDelta, SessionState, may_enter};
use tidegate_tablets::{Epoch, FenceRule, NodeId, Touched, Version};

use super::map::Map;
use super::reached::{Reach, reach};
use super::scope::{DELETED_AT, TABLET};
use super::state::{Answer, Ask, At, Call, Frozen, Node, Phase, Row, Running, Staged, State};

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
    fn wake_holders(&mut self, id: NodeId) {
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
    fn end(&mut self, id: NodeId, running: &Running, answer: Answer) {
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

    fn operation_done(&mut self, id: NodeId, session: SessionId) {
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

    fn begin_operation(&mut self, id: NodeId, kind: OperationKind, frozen: Frozen, map: &Map) -> At {
        let node = self.node(id);
        let same = |running: &Running| running.kind == kind && running.asked == frozen.session;
        if node.operations.iter().any(same) {
            reach(Reach::OperationJoined);
            return At::Joined;
        }
        let part = match part(map, id, kind, TABLET, &frozen.into()) {
            Ok(part) => part,
            Err(error) => {
                reach(Reach::OperationRefused);
                return At::Answered(refusal(&error));
            }
        };
        if let Err(rejected) = may_enter(node.book.state(part.frozen.session), &part.frozen, part.applied) {
            reach(Reach::ThawRejected);
            return At::Answered(rejection(rejected));
        }
        let held = Frozen::from(part.frozen);
        self.thawed(frozen.session, held.session);
        let phase = match kind {
            OperationKind::Stream => {
                let attached = |staged: &Staged| staged.session == held.session && staged.attached;
                if self.node(id).staged.as_ref().is_some_and(attached) {
                    // Found attached: success, and nothing is started.
                    reach(Reach::FoundAttached);
                    self.operation_done(id, held.session);
                    return At::Answered(Answer::Done);
                }
                match part.sources.first() {
                    Some(source) => Phase::Opening(*source),
                    None => return At::Answered(Answer::Mismatch),
                }
            }
            OperationKind::Cleanup => Phase::Removing,
            OperationKind::Fill => {
                let theirs = part.others.iter().map(|other| self.node(*other).row);
                let tombstone = theirs.filter(|row| *row == Row::Tombstone).max();
                Phase::Filling(tombstone.unwrap_or(Row::Nothing))
            }
            OperationKind::Purge => Phase::Purging,
        };
        let node = self.node_mut(id);
        // As in a registry: who is let in holds the session, whatever the book said before.
        node.operations.push(Running {
            kind,
            asked: frozen.session,
            held,
            phase,
        });
        node.operations.sort_unstable();
        At::Joined
    }

    /// A frozen guard was thawed.
    fn thawed(&mut self, asked: SessionId, held: SessionId) {
        if asked != held {
            self.breaks("I3: a frozen guard is thawed only into the session it names");
        }
        if !self.is_current(held) {
            self.breaks("I1: no session is entered after a barrier that follows its clearing");
        }
    }

    /// Whether effects of a session may still happen: it is in the metadata, or no barrier has followed its clearing.
    fn is_current(&self, session: SessionId) -> bool {
        self.log.newest().session() == Some(session) || self.truth.limbo == Some(session)
    }

    /// A source takes part in a stream, and its rows arrive; or it refuses.
    pub(super) fn serve(&mut self, id: NodeId, source: NodeId, running: &Running) {
        let Some(map) = self.map_of(source) else { return };
        let frozen = running.held.into();
        let sender = self.node(source);
        let admitted = admits_pull(map, source, id, TABLET, &frozen)
            .map_err(|refused| match refused {
                NotAdmitted::NotNamed { applied } if applied < frozen.epoch => Answer::NotYetOpen,
                NotAdmitted::NotNamed { .. } | NotAdmitted::NoTablet => Answer::Closed,
                NotAdmitted::NotMember | NotAdmitted::NotSource => Answer::Mismatch,
            })
            .and_then(|applied| {
                let state = sender.book.state(frozen.session);
                may_enter(state, &frozen, applied).map_err(rejection)
            });
        let row = sender.row;
        match admitted {
            Ok(()) => {
                self.thawed(running.held.session, frozen.session);
                self.set_phase(id, running, Phase::Staging(row));
            }
            Err(answer) => {
                reach(Reach::SourceRefused);
                self.end(id, running, answer);
            }
        }
    }

    fn set_phase(&mut self, id: NodeId, running: &Running, phase: Phase) {
        let node = self.node_mut(id);
        if let Some(found) = node.operations.iter_mut().find(|other| *other == running) {
            found.phase = phase;
        }
        node.operations.sort_unstable();
    }

    /// A call into a node's engine ends: its effect is there.
    pub(super) fn land(&mut self, id: NodeId, running: &Running) {
        let session = running.held.session;
        if !self.node(id).covers(session) {
            self.breaks("I1: an effect happens only while its session is open or closing there");
        }
        if !self.is_current(session) {
            self.breaks("I1: no effect after a barrier that follows the clearing of its session");
        }
        let closing = self.node(id).book.state(session) != Some(SessionState::Open);
        if closing {
            reach(Reach::EffectWhileClosing);
        }
        let node = self.node_mut(id);
        match running.phase {
            Phase::Opening(_) => return,
            Phase::Staging(row) => {
                node.staged = Some(Staged {
                    session,
                    row,
                    attached: false,
                });
                // The guard is checked before the attach begins.
                if closing {
                    self.end(id, running, Answer::Closing);
                } else {
                    self.set_phase(id, running, Phase::Attaching);
                }
                return;
            }
            Phase::Attaching => {
                if let Some(staged) = node.staged.as_mut().filter(|staged| staged.session == session) {
                    node.row = node.row.max(staged.row);
                    staged.row = Row::Nothing;
                    staged.attached = true;
                }
            }
            Phase::Removing => {
                node.row = Row::Nothing;
                node.staged = None;
            }
            Phase::Filling(row) => node.row = node.row.max(row),
            Phase::Purging => {
                if node.row == Row::Tombstone {
                    node.row = Row::Nothing;
                }
            }
        }
        self.end(id, running, Answer::Done);
        self.wake_holders(id);
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

fn rejection(rejected: Rejected) -> Answer {
    match rejected {
        Rejected::NotYetOpen { .. } => Answer::NotYetOpen,
        Rejected::Closing => Answer::Closing,
        Rejected::Closed => Answer::Closed,
    }
}

fn refusal(error: &OperationError) -> Answer {
    match error {
        OperationError::Rejected(rejected) => rejection(*rejected),
        _ => Answer::Mismatch,
    }
}
