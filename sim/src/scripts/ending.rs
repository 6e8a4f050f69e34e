//! How a script ends: all is whole again, and everything comes to rest.

use tidegate_session::Sessions;
use tidegate_tablets::NodeId;

use super::scene::{Outcome, Scene};

impl Scene {
    /// Heals what is wrong, waits until nothing is left of any transition, reads everything and stops.
    pub(super) async fn end(&self) -> Outcome {
        let ended = self.come_to_rest().await;
        self.stop_coordinator().await;
        self.cluster.stop().await;
        ended
    }

    async fn come_to_rest(&self) -> Outcome {
        self.calls.go();
        self.cluster.network.heal_all();
        for id in self.cluster.ids() {
            if let Some(disk) = self.cluster.disk_of(id) {
                disk.heal();
            }
        }
        for node in self.cluster.up() {
            if let Some(store) = node.store.simulated() {
                store.resume();
            }
        }
        for id in self.cluster.down() {
            self.cluster.start(id);
        }
        self.cluster.ground.heal();
        let is_up = |id: &NodeId| self.cluster.node(*id).is_some() || self.cluster.map().is_excluded(*id);
        self.until("every node is up", || self.cluster.ids().iter().all(is_up))
            .await?;
        self.all_applied().await?;
        self.rests().await?;
        let quiet = || {
            self.cluster.up().iter().all(|node| {
                let sessions = node.sessions.open_sessions().len() + node.sessions.closing_sessions().len();
                let disk = self.cluster.disk_of(node.id);
                sessions == 0 && disk.is_some_and(|disk| disk.held().staged.is_empty())
            })
        };
        self.until("nothing is left of any transition", quiet).await?;
        self.read_all().await?;
        // The reads have written back what they have found, and what was asked in silence has met its deadline.
        self.wait(5000).await;
        Ok(())
    }
}
