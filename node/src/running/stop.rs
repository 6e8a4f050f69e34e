//! The end of a node, in good order.

use std::time::Duration;

use tokio::time::timeout;
use tracing::{debug, info, warn};

use super::Running;

/// How long another node may take to lead instead.
const HAND_OVER_DEADLINE: Duration = Duration::from_secs(5);

/// How long each of the rest may take.
const STEP_DEADLINE: Duration = Duration::from_secs(10);

impl Running {
    /// Ends in good order: nothing new is admitted, another node leads, what is under way ends or is given up, and
    /// what is acknowledged is on the disk. Each step has a deadline.
    pub(crate) async fn stop(&self) {
        if self.stopping.send_replace(true) {
            debug!("it is stopped twice");
        }
        info!(node = %self.id, "the node stops");
        if self.leading.term().is_some() {
            let handed = timeout(HAND_OVER_DEADLINE, self.raft.hand_over()).await;
            match handed {
                Ok(Ok(())) => {}
                Ok(Err(error)) => warn!(%error, "no other node leads instead"),
                Err(_) => warn!("no other node leads instead within {HAND_OVER_DEADLINE:?}"),
            }
        }
        let tasks = std::mem::take(&mut *self.tasks());
        self.leading.stop();
        if let Some(leading) = tasks.leading {
            within("the coordinator", leading).await;
        }
        within("the replica", self.replica.stop()).await;
        // Before the transport, as the store asks for.
        within("the metadata store", self.raft.stop()).await;
        for follower in tasks.followers {
            follower.abort();
        }
        within("the transport", self.transport.shutdown()).await;
        if let Some(router) = tasks.router {
            within("the services", router).await;
        }
        match timeout(STEP_DEADLINE, self.fjall.close()).await {
            Ok(Ok(())) => info!(node = %self.id, "the node has stopped"),
            Ok(Err(error)) => warn!(%error, "the engine did not close well"),
            Err(_) => warn!("the engine did not close within {STEP_DEADLINE:?}"),
        }
    }
}

async fn within<T>(what: &'static str, ends: impl Future<Output = T>) {
    if timeout(STEP_DEADLINE, ends).await.is_err() {
        warn!("{what} did not end within {STEP_DEADLINE:?}");
    }
}
