//! What an operator asks for in a script.

use tidegate_tablets::Epoch;

use super::scene::{Outcome, Scene, n, told};

impl Scene {
    pub(super) async fn begin_move(&self, from: u64, to: u64) -> Outcome<Epoch> {
        let moving = self.operator.move_tablet(self.tablet(), n(from), n(to));
        moving.await.map_err(told)
    }

    /// Moves the first tablet, and waits until that has ended with it moved.
    pub(super) async fn moved(&self, from: u64, to: u64) -> Outcome {
        self.begin_move(from, to).await?;
        self.rests().await?;
        let replicas = self.shown(self.tablet())?.replicas;
        if replicas.contains(&n(to)) && !replicas.contains(&n(from)) {
            return Ok(());
        }
        Err(format!("the move from {from} to {to} went back"))
    }

    /// Purges all tombstones that there are.
    pub(super) async fn purged(&self) -> Outcome {
        self.begin_purge().await?;
        self.rests().await
    }

    pub(super) async fn begin_purge(&self) -> Outcome<Epoch> {
        let latest = self.cluster.up().iter().map(|node| node.clock.time()).max();
        let floor = latest.unwrap_or_default();
        let purge = self.operator.purge(self.tablet(), floor);
        purge.await.map_err(told)
    }

    pub(super) async fn cancel(&self, begun: Epoch) -> Outcome {
        self.operator.cancel(self.tablet(), begun).await.map_err(told)
    }

    pub(super) async fn exclude(&self, id: u64) -> Outcome {
        self.cluster.crash(n(id));
        self.operator.exclude(n(id), false).await.map_err(told)?;
        self.cluster.put_away(n(id));
        Ok(())
    }

    pub(super) async fn begin_rebuild(&self, lost: u64, to: u64) -> Outcome<Epoch> {
        let rebuild = self.operator.rebuild(self.tablet(), n(lost), n(to));
        rebuild.await.map_err(told)
    }

    pub(super) async fn rebuilt(&self, lost: u64, to: u64) -> Outcome {
        self.begin_rebuild(lost, to).await?;
        self.rests().await?;
        if self.shown(self.tablet())?.replicas.contains(&n(to)) {
            return Ok(());
        }
        Err(format!("the rebuild of {lost} on {to} went back"))
    }
}
