//! A move that an operator cancels in the middle of its stream.

use anyhow::{Context, Result, bail};
use tidegate_coordinator::Ended;
use tidegate_streaming::UnitId;
use tidegate_tablets::TabletId;
use tokio::time::timeout;
use tracing::info;

use super::{STEP_DEADLINE, Scenario};

impl Scenario {
    /// Cancels a move whose receiver has everything and is about to attach it.
    pub(super) async fn play_cancel(&self, tablet: TabletId) -> Result<()> {
        let the_move = self.turn(tablet, 0)?;
        let unit = UnitId::new(tablet.as_u64());
        let held = self.cluster.node(the_move.to)?.hand.hold_attach(unit);
        let bar = self.bars.start(
            &format!("tablet {tablet}: {} -> {}", the_move.from, the_move.to),
            unit,
        );
        let begun = self.begin(the_move).await?;
        timeout(STEP_DEADLINE, held.holding())
            .await
            .context("no receiver came to attach")?;
        timeout(STEP_DEADLINE, self.cluster.operator()?.cancel(tablet, begun))
            .await
            .context("the metadata store does not answer")??;
        match self.ended(tablet, begun).await? {
            Ended::RolledBack => bar.finish("cancelled"),
            other => bail!("a cancelled move ended otherwise: {other:?}"),
        }
        held.release();
        timeout(STEP_DEADLINE, held.ended())
            .await
            .context("the held receiver did not end")?;
        info!(%tablet, "cancelled a move whose receiver had everything: it went back");
        Ok(())
    }
}
