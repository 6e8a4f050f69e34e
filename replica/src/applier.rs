//! Applies metadata on a node: sessions, fences, map, in that order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tidegate_guard::SessionId;
use tidegate_session::Sessions;
use tidegate_tablets::{
    Changes, Metadata, NodeId, RequestFence, StoreStopped, TabletId, Touched, Update, Version,
};
use tidegate_transport::{PeerId, Transport};
use tracing::{info, warn};

use crate::Storage;
use crate::published::Published;
use crate::removals::Removals;
use crate::sweeper::Sweeper;

/// Applies metadata on a node.
///
/// What to open and close is derived from the state as it is, never from what happened on the way: a node that skips
/// states, installs a snapshot or restarts arrives at the same sessions. Nothing here waits, and the work follows
/// the change, not the table.
#[derive(Debug)]
pub(crate) struct Applier {
    pub(crate) node: NodeId,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) fence: Arc<RequestFence>,
    pub(crate) published: Arc<Published>,
    pub(crate) removals: Arc<Removals>,
    pub(crate) sweeper: Arc<Sweeper>,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) transport: Arc<dyn Transport>,
    /// The tablets that concern this node, and the session each has here.
    concerned: BTreeMap<TabletId, Option<SessionId>>,
    excluded: BTreeSet<NodeId>,
}

impl Applier {
    #[allow(clippy::too_many_arguments, reason = "wires the parts of one node, once")]
    pub(crate) fn new(
        node: NodeId,
        sessions: Arc<dyn Sessions>,
        fence: Arc<RequestFence>,
        published: Arc<Published>,
        removals: Arc<Removals>,
        sweeper: Arc<Sweeper>,
        storage: Arc<dyn Storage>,
        transport: Arc<dyn Transport>,
    ) -> Self {
        Self {
            node,
            sessions,
            fence,
            published,
            removals,
            sweeper,
            storage,
            transport,
            concerned: BTreeMap::new(),
            excluded: BTreeSet::new(),
        }
    }

    /// Follows the metadata until the store stops.
    ///
    /// `barrier` is the version at which the first read barrier after the start ended: anything older may be older
    /// than what this node has promised before the start, and is not acted upon.
    pub(crate) async fn run(mut self, mut changes: Box<dyn Changes>, barrier: Version) -> StoreStopped {
        let mut first = true;
        loop {
            let update = match changes.next().await {
                Ok(update) => update,
                Err(stopped) => return stopped,
            };
            if update.metadata.version < barrier {
                continue;
            }
            let update = if first {
                Update {
                    touched: Touched::All,
                    ..update
                }
            } else {
                update
            };
            first = false;
            self.apply(update);
        }
    }

    fn apply(&mut self, update: Update) {
        let map = &update.metadata;
        let all = matches!(update.touched, Touched::All);
        let touched: BTreeSet<TabletId> = match update.touched {
            Touched::Tablets(tablets) => tablets,
            Touched::All => map
                .tablets
                .keys()
                .copied()
                .chain(self.concerned.keys().copied())
                .collect(),
        };
        // A node that finds itself excluded takes part in nothing.
        let member = map.is_live_member(self.node);
        let touched = if member {
            touched
        } else {
            self.concerned.keys().copied().collect()
        };
        let mut left = BTreeSet::new();
        let (mut close, mut open) = (Vec::new(), Vec::new());
        for &tablet in &touched {
            let concerns = member && map.tablets.get(&tablet).is_some_and(|t| t.concerns(self.node));
            let wanted = concerns.then(|| map.session_of(tablet, self.node)).flatten();
            let before = if concerns {
                self.concerned.insert(tablet, wanted)
            } else {
                left.extend(self.concerned.contains_key(&tablet).then_some(tablet));
                self.concerned.remove(&tablet)
            };
            let had = before.flatten();
            if had != wanted {
                close.extend(had);
                open.extend(wanted);
            }
        }
        // First closing, then opening, then the map: a map that shows a session closed must not be seen while the
        // session admits anybody, and one that shows it open must not be seen before it does (a thaw that finds it
        // missing takes it for closed).
        if all {
            self.sessions
                .reconcile(&self.concerned.values().copied().flatten().collect());
        } else {
            self.sessions.apply(&close, &open);
        }
        self.raise_clock(map, &touched);
        for tablet in &touched {
            match map.tablets.get(tablet) {
                Some(shown) if self.concerned.contains_key(tablet) => {
                    self.fence.publish(*tablet, shown.epoch)
                }
                _ => self.fence.forget(*tablet),
            }
        }
        self.published.publish(Arc::clone(map));
        self.after(map, all, close, left);
    }

    /// From here on every clock is above the floor of every purge that the map names.
    fn raise_clock(&self, map: &Metadata, touched: &BTreeSet<TabletId>) {
        let floors = touched
            .iter()
            .filter_map(|tablet| map.tablets.get(tablet))
            .map(|t| t.purge_floor);
        if let Some(floor) = floors.max().filter(|floor| *floor > 0) {
            self.storage.raise_clock(floor);
        }
    }

    /// What follows from the map once it is published.
    fn after(&mut self, map: &Metadata, all: bool, closed: Vec<SessionId>, left: BTreeSet<TabletId>) {
        for (node, _) in map.nodes.iter().filter(|(_, info)| info.excluded) {
            if self.excluded.insert(*node) && *node != self.node {
                info!(%node, "cutting the connections with an excluded node");
                self.transport.disconnect(PeerId::new(node.as_u64()));
            }
        }
        if self.excluded.contains(&self.node) {
            warn!("this node was excluded: it serves nothing any more");
        }
        if all || !left.is_empty() {
            self.removals
                .keep_wiped(&self.concerned.keys().copied().collect());
        }
        self.sweeper.sessions_gone(closed);
        self.sweeper.tablets_left(left);
        if all {
            self.sweeper.look_at_everything();
        }
    }
}
