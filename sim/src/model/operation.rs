//! Operations on a node: they begin or are refused, a source takes part, and calls into an engine end. Whether the
//! metadata asks for them, and who enters a session, the product's pure functions decide.

use tidegate_coordinator::{OperationError, OperationKind};
use tidegate_guard::{Rejected, SessionId};
use tidegate_replica::rules::{NotAdmitted, admits_pull, part};
use tidegate_session::{SessionState, may_enter};
use tidegate_tablets::NodeId;

use super::map::Map;
use super::reached::{Reach, reach};
use super::scope::TABLET;
use super::state::{Answer, At, Frozen, Phase, Row, Running, Staged, State};

impl State {
    pub(super) fn begin_operation(
        &mut self,
        id: NodeId,
        kind: OperationKind,
        frozen: Frozen,
        map: &Map,
    ) -> At {
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
        // Never while the open sessions follow the map, which was asked just now: the registry is a second bolt.
        if let Err(rejected) = may_enter(node.book.state(part.frozen.session), &part.frozen, part.applied) {
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
