//! Who may pull a tablet from this node.

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_guard::{Label, Rejected, SharedGuard};
use tidegate_session::Sessions;
use tidegate_streaming::{Admission, Opening, Refusal};
use tidegate_tablets::{NodeId, Stage, TabletId};
use tidegate_transport::PeerId;

use crate::published::Published;

/// Admits the pending replica of a tablet to a source of it, under the session that this node's metadata names.
#[derive(Debug)]
pub(crate) struct SourceAdmission {
    pub(crate) node: NodeId,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) published: Arc<Published>,
}

#[async_trait]
impl Admission for SourceAdmission {
    async fn admit(&self, peer: PeerId, opening: &Opening) -> Result<SharedGuard, Refusal> {
        let map = self.published.map().ok_or(Refusal::NotReady)?;
        let puller = NodeId::new(peer.as_u64());
        if !map.is_live_member(puller) {
            return Err(Refusal::NotMember);
        }
        let tablet = TabletId::new(opening.unit.as_u64());
        let Some(shown) = map.tablets.get(&tablet) else {
            return Err(Refusal::Rejected(Rejected::Closed));
        };
        let (frozen, applied) = (&opening.frozen, shown.epoch.as_u64());
        let transition = match &shown.transition {
            Some(transition)
                if matches!(transition.stage, Stage::WriteBothReadOld | Stage::Streaming)
                    && transition
                        .session
                        .map(|(session, epoch)| (session, epoch.as_u64()))
                        == Some((frozen.session, frozen.epoch)) =>
            {
                transition
            }
            _ => return Err(Refusal::Rejected(self.why_not(opening, applied))),
        };
        if transition.pending() != Some(puller) || !map.sources(transition).contains(&self.node) {
            return Err(Refusal::NotSource);
        }
        let label = Label::new("stream.send")
            .with("tablet", tablet)
            .with("node", self.node)
            .with("peer", peer);
        // `applied` was read above, before the session is looked for.
        self.sessions
            .thaw(frozen, applied, label)
            .map_err(Refusal::Rejected)
    }
}

impl SourceAdmission {
    /// Why a session that the metadata does not name for a stream cannot be entered: asked of the registry, which
    /// counts the refusal.
    fn why_not(&self, opening: &Opening, applied: u64) -> Rejected {
        let label = Label::new("stream.send").with("tablet", opening.unit);
        match self.sessions.thaw(&opening.frozen, applied, label) {
            Err(rejected) => rejected,
            // Open, but not for a stream: the guard is dropped.
            Ok(_) => Rejected::Closed,
        }
    }
}
