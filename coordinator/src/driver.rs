//! Runs what the planner plans.

mod calls;
mod event_loop;
mod limits;
mod proposer;
mod state;
mod telemetry;
mod waiting;

use std::fmt;
use std::sync::Arc;

use tidegate_tablets::MetadataStore;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use self::event_loop::EventLoop;
use self::state::Shared;
use crate::balancer::{Rounds, SharedStatus};
use crate::{
    BalancerConfig, BalancerStatus, CoordinatorConfig, EndedTransition, LoadReports, Participants,
    TransitionStatus,
};

/// Drives every transition that the metadata holds to its end.
///
/// It keeps nothing that it cannot lose: a new one starts from the metadata alone. Several over one store are
/// harmless, for everything they ask for is idempotent and every change names the epoch it expects.
#[derive(Debug)]
pub struct Coordinator;

impl Coordinator {
    /// Starts one; it runs until its handle is stopped or dropped, or the store is stopped.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with time.
    pub fn start(
        store: Arc<dyn MetadataStore>,
        participants: Arc<dyn Participants>,
        config: CoordinatorConfig,
    ) -> CoordinatorHandle {
        let shared = Arc::new(Shared::new(store.snapshot(), &config));
        let (stop, stopped) = oneshot::channel();
        let event_loop = EventLoop::new(store, participants, config, Arc::clone(&shared));
        let task = tokio::spawn(Box::pin(event_loop.run(stopped)));
        CoordinatorHandle {
            shared,
            stop: Some(stop),
            task,
            balancer: None,
        }
    }

    /// Starts one that begins moves by itself too, while the metadata has balancing on: it plans from the load that is
    /// reported, in rounds, and lives as long as the rest.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with time.
    pub fn start_with_balancer(
        store: Arc<dyn MetadataStore>,
        participants: Arc<dyn Participants>,
        config: CoordinatorConfig,
        reports: Arc<dyn LoadReports>,
        balancer: BalancerConfig,
    ) -> CoordinatorHandle {
        let status = Arc::new(SharedStatus::default());
        let rounds = Rounds::new(
            Arc::clone(&store),
            reports,
            balancer,
            config.clone(),
            Arc::clone(&status),
        );
        let mut handle = Self::start(store, participants, config);
        let task = tokio::spawn(Box::pin(rounds.run()));
        handle.balancer = Some(Balancer { status, task });
        handle
    }
}

/// A coordinator that runs. Dropping it stops the coordinator.
pub struct CoordinatorHandle {
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
    balancer: Option<Balancer>,
}

/// The rounds that run beside.
struct Balancer {
    status: Arc<SharedStatus>,
    task: JoinHandle<()>,
}

impl CoordinatorHandle {
    /// Where each transition stands, by tablet.
    #[must_use]
    pub fn status(&self) -> Vec<TransitionStatus> {
        self.shared.status()
    }

    /// The transitions that this coordinator saw end, oldest first; a bounded number.
    #[must_use]
    pub fn ended(&self) -> Vec<EndedTransition> {
        self.shared.ended()
    }

    /// What the balancer's last round has come to; `None` without a balancer.
    #[must_use]
    pub fn balancer(&self) -> Option<BalancerStatus> {
        self.balancer.as_ref().map(|balancer| balancer.status.see())
    }

    /// Whether it, or its balancer, has ended by itself: the store was stopped, or the task has panicked. Then stop it
    /// and start another.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        let balancer = self.balancer.as_ref();
        self.task.is_finished() || balancer.is_some_and(|balancer| balancer.task.is_finished())
    }

    /// Stops it: aborts its calls and waits until they are gone. What was asked of the nodes goes on there.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, the coordinator stops all the same, without being waited for.
    pub async fn stop(mut self) {
        if let Some(balancer) = &mut self.balancer {
            // What it has proposed may come to pass; the next one finds it in the metadata.
            balancer.task.abort();
            if let Err(error) = (&mut balancer.task).await
                && error.is_panic()
            {
                tracing::error!(%error, "the balancer had panicked");
            }
        }
        if let Some(stop) = self.stop.take() {
            // It has ended by itself if nobody listens.
            let _ = stop.send(());
        }
        if let Err(error) = (&mut self.task).await
            && error.is_panic()
        {
            tracing::error!(%error, "the coordinator had panicked");
        }
    }
}

impl Drop for CoordinatorHandle {
    fn drop(&mut self) {
        self.task.abort();
        if let Some(balancer) = &self.balancer {
            balancer.task.abort();
        }
    }
}

impl fmt::Debug for CoordinatorHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoordinatorHandle")
            .field("finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}
