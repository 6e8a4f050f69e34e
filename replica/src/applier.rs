//! Applies metadata on a node: sessions, fences, map, in that order.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidegate_session::Sessions;
use tidegate_streaming::StreamingContext;
use tidegate_tablets::{
    Changes, Metadata, NodeId, RequestFence, StoreStopped, StreamPermits, Touched, Update, Version,
};
use tidegate_transport::{PeerId, Transport};
use tracing::{debug, info, info_span, warn};

use crate::Storage;
use crate::published::Published;
use crate::removals::Removals;
use crate::rules::{Roles, RolesStep, SessionsStep, acts_on};
use crate::sweeper::Sweeper;

/// Applies metadata on a node: does what [`Roles`] says. Nothing here waits.
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
    pub(crate) streaming: StreamingContext,
    permits: StreamPermits,
    roles: Roles,
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
        streaming: StreamingContext,
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
            streaming,
            permits: StreamPermits::default(),
            roles: Roles::new(node),
            excluded: BTreeSet::new(),
        }
    }

    /// Follows the metadata until the store stops.
    ///
    /// `barrier` is the version at which the first read barrier after the start ended, see [`acts_on`].
    pub(crate) async fn run(mut self, mut changes: Box<dyn Changes>, barrier: Version) -> StoreStopped {
        let mut first = true;
        loop {
            let update = match changes.next().await {
                Ok(update) => update,
                Err(stopped) => return stopped,
            };
            if !acts_on(update.metadata.version, barrier) {
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
        let step = self.roles.follow(map, &update.touched);
        log_sessions(&step);
        // First closing, then opening, then the map: a map that shows a session closed must not be seen while the
        // session admits anybody, and one that shows it open must not be seen before it does (a thaw that finds it
        // missing takes it for closed).
        match &step.sessions {
            SessionsStep::Exactly(wanted) => self.sessions.reconcile(wanted),
            SessionsStep::Delta { close, open } => self.sessions.apply(close, open),
        }
        // From here on the clock is above the floor of every purge that the map names.
        if step.purge_floor > 0 {
            self.storage.raise_clock(step.purge_floor);
        }
        for (tablet, epoch) in &step.publish {
            self.fence.publish(*tablet, *epoch);
        }
        for tablet in &step.forget {
            self.fence.forget(*tablet);
        }
        self.follow_permits(map);
        self.published.publish(Arc::clone(map));
        self.after(map, update.touched == Touched::All, step);
    }

    /// Lets as many streams run here as the metadata names.
    ///
    /// Never fewer than the node's own numbers: the coordinator is the one that starts fewer, and it may be another
    /// than the one that started what still runs here.
    fn follow_permits(&mut self, map: &Metadata) {
        if self.permits == map.permits {
            return;
        }
        self.permits = map.permits;
        let at_least = |own: usize, asked: Option<u32>| asked.map_or(own, |asked| own.max(asked as usize));
        let own = self.streaming.config();
        let sends = at_least(own.sends_max, map.permits.sends);
        let receives = at_least(own.receives_max, map.permits.receives);
        info!(
            sends,
            receives,
            asked_sends = map.permits.sends,
            asked_receives = map.permits.receives,
            "this node lets so many streams run at once; the coordinator starts no more than were asked for"
        );
        self.streaming.set_permits(sends, receives);
    }

    /// What follows from the map once it is published.
    fn after(&mut self, map: &Metadata, all: bool, step: RolesStep) {
        for (node, _) in map.nodes.iter().filter(|(_, info)| info.excluded) {
            if self.excluded.insert(*node) && *node != self.node {
                info!(%node, "cutting the connections with an excluded node");
                self.transport.disconnect(PeerId::new(node.as_u64()));
            }
        }
        if self.excluded.contains(&self.node) {
            warn!("this node was excluded: it serves nothing any more");
        }
        if all {
            self.removals.keep_wiped(&self.roles.tablets().collect());
        } else if !step.left.is_empty() {
            self.removals.forget_wiped(&step.left);
        }
        self.sweeper.sessions_gone(step.closed);
        self.sweeper.tablets_left(step.left);
        if all {
            self.sweeper.look_at_everything();
        }
    }
}

/// Says, of each session in its span, that it opens or begins to close.
fn log_sessions(step: &RolesStep) {
    let opens: Vec<_> = match &step.sessions {
        SessionsStep::Exactly(wanted) => wanted.iter().collect(),
        SessionsStep::Delta { open, .. } => open.iter().collect(),
    };
    for session in &step.closed {
        info_span!("session", %session).in_scope(|| debug!("the session begins to close"));
    }
    for session in opens {
        info_span!("session", %session).in_scope(|| debug!("the session is open"));
    }
}
