//! Coordinator and balancer run where the log is led, and only there.

#[cfg(feature = "inject")]
mod held;
mod voters;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidegate_coordinator::{
    BalancerConfig, BalancerStatus, Coordinator, CoordinatorConfig, CoordinatorHandle, EndedTransition,
    LoadReports, TransitionStatus,
};
use tidegate_inject::Injector;
use tidegate_raft::{Leadership, RaftStore};
use tidegate_replica::ReplicaClient;
use tidegate_tablets::MetadataStore;
use tidegate_transport::Transport;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info};

/// How often it is looked whether what runs has ended by itself.
const PACE: Duration = Duration::from_secs(1);

/// Starts a coordinator with a balancer when this node comes to lead, and stops it when it leads no more.
pub(crate) struct Leading {
    raft: Arc<RaftStore>,
    transport: Arc<dyn Transport>,
    #[cfg_attr(
        not(feature = "inject"),
        allow(dead_code, reason = "it holds nothing in this build")
    )]
    injector: Injector,
    active: Mutex<Option<Active>>,
    stop: watch::Sender<bool>,
}

/// What runs while this node leads.
struct Active {
    term: u64,
    handle: CoordinatorHandle,
    /// Takes excluded nodes out of the log.
    voters: JoinHandle<()>,
}

/// How the coordinator of a node works.
pub(crate) fn coordinator_config() -> CoordinatorConfig {
    CoordinatorConfig::default()
}

impl Leading {
    pub(crate) fn new(raft: Arc<RaftStore>, transport: Arc<dyn Transport>, injector: Injector) -> Self {
        Self {
            raft,
            transport,
            injector,
            active: Mutex::default(),
            stop: watch::Sender::new(false),
        }
    }

    /// Follows who leads until [`stop`](Self::stop), or until the store stops.
    pub(crate) async fn follow(&self, reports: Arc<dyn LoadReports>) {
        let (mut leaders, mut stop) = (self.raft.leaders(), self.stop.subscribe());
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = None;
        loop {
            let next = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                next = leaders.next() => Some(next),
                _ = pace.tick() => None,
            };
            match next {
                Some(Ok(leadership)) => last = Some(leadership),
                Some(Err(_)) => break,
                None if self.has_ended() => self.end().await,
                None => continue,
            }
            if let Some(leadership) = last {
                self.turn(leadership, &reports).await;
            }
        }
        self.end().await;
    }

    /// Whether a part of what runs has ended by itself, as after a panic.
    fn has_ended(&self) -> bool {
        let active = self.lock();
        let ended = |active: &Active| active.handle.is_finished() || active.voters.is_finished();
        let Some(active) = active.as_ref().filter(|active| ended(active)) else {
            return false;
        };
        error!(
            term = active.term,
            "a part of the coordinator has ended by itself: it starts anew"
        );
        true
    }

    async fn turn(&self, leadership: Leadership, reports: &Arc<dyn LoadReports>) {
        let leads = leadership.leader == Some(self.raft.node());
        if leads && self.term() == Some(leadership.term) {
            return;
        }
        // Also of an earlier term of this very node: what has happened in between is not known.
        self.end().await;
        if !leads {
            return;
        }
        info!(term = leadership.term, "this node leads: its coordinator starts");
        let handle = Coordinator::start_with_balancer(
            self.store(),
            Arc::new(ReplicaClient::new(Arc::clone(&self.transport))),
            coordinator_config(),
            Arc::clone(reports),
            BalancerConfig::default(),
        );
        let term = leadership.term;
        let voters = tokio::spawn(voters::keep(Arc::clone(&self.raft)));
        *self.lock() = Some(Active { term, handle, voters });
    }

    /// The metadata as the coordinator sees it.
    fn store(&self) -> Arc<dyn MetadataStore> {
        let store: Arc<dyn MetadataStore> = Arc::clone(&self.raft) as _;
        #[cfg(feature = "inject")]
        let store = Arc::new(held::HeldStore::new(store, self.injector.clone()));
        store
    }

    /// Stops what runs, and waits until it is gone.
    async fn end(&self) {
        let ended = self.lock().take();
        if let Some(Active { term, handle, voters }) = ended {
            voters.abort();
            info!(term, "the coordinator stops");
            handle.stop().await;
        }
    }

    /// Has [`follow`](Self::follow) end, which stops what runs.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// The term in which this node leads, if it does.
    pub(crate) fn term(&self) -> Option<u64> {
        self.lock().as_ref().map(|active| active.term)
    }

    /// Where each transition stands; `None` where this node does not lead.
    pub(crate) fn status(&self) -> Option<Vec<TransitionStatus>> {
        self.lock().as_ref().map(|active| active.handle.status())
    }

    /// The transitions that ended since this node leads; none where it does not.
    pub(crate) fn ended(&self) -> Vec<EndedTransition> {
        self.lock()
            .as_ref()
            .map(|active| active.handle.ended())
            .unwrap_or_default()
    }

    /// What the balancer's last round has come to.
    pub(crate) fn balancer(&self) -> Option<BalancerStatus> {
        self.lock().as_ref().and_then(|active| active.handle.balancer())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Active>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Leading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leading")
            .field("term", &self.term())
            .finish_non_exhaustive()
    }
}
