//! The story of the late write.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use tidegate_guard::{FrozenGuard, Unfenced};
use tidegate_kv::MemoryEngine;
use tidegate_streaming::{PullError, PullRequest, Puller, Refusal, StreamingContext, TargetEngine, UnitId};
use tidegate_tablets::TabletId;
use tidegate_transport::PeerId;
use tokio::time::timeout;
use tracing::info;

use super::{Move, STEP_DEADLINE, Scenario};

impl Scenario {
    /// A receiver that has everything is held just before it attaches; the connection is cut, the move is tried
    /// again and finishes; the rows are deleted, their tombstones purged; then the held receiver is let go.
    pub(super) async fn play_story(&self, tablet: TabletId, keys: &[Bytes]) -> Result<()> {
        let the_move = self.turn(tablet, 0)?;
        let unit = UnitId::new(tablet.as_u64());
        let bar = self.bars.start(
            &format!("tablet {tablet}: {} -> {}", the_move.from, the_move.to),
            unit,
        );
        let held = self.cluster.node(the_move.to)?.hand.hold_attach(unit);
        let begun = self.begin(the_move).await?;
        timeout(STEP_DEADLINE, held.holding())
            .await
            .context("no receiver came to attach")?;
        let frozen = self.session_of(tablet)?;
        info!(%tablet, session = %frozen.session, "a receiver has everything, and is held before it attaches");

        self.cluster.cut_off(the_move.to)?;
        self.completed(tablet, begun).await?;
        bar.finish("moved, by a second attempt");
        self.delete_and_purge(tablet, keys).await?;

        info!(%tablet, "letting the first receiver go, if it is still held");
        held.release();
        timeout(STEP_DEADLINE, held.ended())
            .await
            .context("the held receiver did not end")?;
        self.replay(the_move, frozen).await
    }

    fn session_of(&self, tablet: TabletId) -> Result<FrozenGuard> {
        let shown = self.tablet(tablet)?;
        shown
            .transition
            .and_then(|transition| transition.frozen())
            .context("the tablet has no session")
    }

    async fn delete_and_purge(&self, tablet: TabletId, keys: &[Bytes]) -> Result<()> {
        let deleted = timeout(
            STEP_DEADLINE,
            self.cluster.delete_all(&self.ledger, self.table, keys),
        );
        let floor = deleted.await.context("deletes have no answer")??;
        let operator = self.cluster.operator()?;
        let begun = timeout(STEP_DEADLINE, operator.purge(tablet, floor))
            .await
            .context("the metadata store does not answer")?
            .context("asking for the purge")?;
        self.completed(tablet, begun).await.context("the purge")?;
        self.ledger.purged(keys);
        info!(%tablet, rows = keys.len(), "deleted all rows, and purged their tombstones on every replica");
        Ok(())
    }

    /// Sends the first attempt's opening frame once more, as a network may that had delayed it.
    async fn replay(&self, the_move: Move, frozen: FrozenGuard) -> Result<()> {
        let late = self.cluster.node(the_move.to)?;
        // Whatever comes of it goes nowhere near the node's own engine.
        let aside = Arc::new(MemoryEngine::new());
        let puller = Puller::new(
            Arc::clone(&late.transport),
            Arc::clone(&aside) as _,
            StreamingContext::default(),
        );
        let unit = UnitId::new(the_move.tablet.as_u64());
        let request = PullRequest {
            unit,
            frozen,
            guard: Arc::new(Unfenced),
            sources: vec![PeerId::new(the_move.from.as_u64())],
        };
        let answer = timeout(STEP_DEADLINE, puller.pull(request)).await;
        aside.discard(unit, frozen.session).await?;
        match answer.context("the source does not answer")? {
            Err(PullError::SourceRefused {
                refusal: Refusal::Rejected(rejected),
                ..
            }) => {
                info!(%rejected, "a delayed opening frame of the closed session was refused");
                Ok(())
            }
            other => bail!("a delayed opening frame of a closed session was answered by {other:?}"),
        }
    }
}
