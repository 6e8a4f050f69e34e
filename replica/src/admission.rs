//! Who may pull a tablet from this node.

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_guard::{Label, Rejected, SharedGuard};
use tidegate_session::Sessions;
use tidegate_streaming::{Admission, Opening, Refusal};
use tidegate_tablets::{NodeId, TabletId};
use tidegate_transport::PeerId;

use crate::published::Published;
use crate::rules::{NotAdmitted, admits_pull};

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
        let tablet = TabletId::new(opening.unit.as_u64());
        let applied = admits_pull(&map, self.node, puller, tablet, &opening.frozen)
            .map_err(|refused| self.refusal(refused, opening))?;
        let label = Label::new("stream.send")
            .with("tablet", tablet)
            .with("node", self.node)
            .with("peer", peer);
        // `applied` was read above, before the session is looked for.
        self.sessions
            .thaw(&opening.frozen, applied, label)
            .map_err(Refusal::Rejected)
    }

    fn reason(&self, opening: &Opening) -> &'static str {
        self.published.reason(TabletId::new(opening.unit.as_u64()))
    }
}

impl SourceAdmission {
    fn refusal(&self, refused: NotAdmitted, opening: &Opening) -> Refusal {
        match refused {
            NotAdmitted::NotMember => Refusal::NotMember,
            NotAdmitted::NoTablet => Refusal::Rejected(Rejected::Closed),
            NotAdmitted::NotNamed { applied } => Refusal::Rejected(self.why_not(opening, applied)),
            NotAdmitted::NotSource => Refusal::NotSource,
        }
    }

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
