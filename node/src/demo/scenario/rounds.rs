//! Rounds of moves, with scheduled faults in the first.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use futures_util::stream::{StreamExt, TryStreamExt, iter};
use tidegate_coordinator::Ended;
use tidegate_streaming::UnitId;
use tidegate_tablets::TabletId;
use tokio::time::timeout;
use tracing::info;

use super::super::args::Faults;
use super::{STEP_DEADLINE, Scenario};

/// Moves that run at once.
const MOVES_AT_ONCE: usize = 8;

/// Streams that are cut in the middle, in the first round.
const CUTS: usize = 6;

/// The coordinator is replaced when that many moves of the first round have ended, or all if it has fewer.
const REPLACE_AFTER: usize = 4;

impl Scenario {
    /// Moves every tablet once.
    pub(super) async fn play_round(&self, round: u32) -> Result<()> {
        let tablets = self.cluster.tablets(self.table)?;
        let faulty = round == 0 && self.faults != Faults::None;
        let replace_after = REPLACE_AFTER.min(tablets.len());
        let ended = AtomicUsize::new(0);
        let ended = &ended;
        iter(tablets.into_iter().enumerate())
            .map(|(turn, tablet)| async move {
                self.play_move(tablet, turn + round as usize, faulty && turn < CUTS)
                    .await?;
                if ended.fetch_add(1, Ordering::Relaxed) + 1 == replace_after && faulty {
                    timeout(STEP_DEADLINE, self.cluster.replace_coordinator())
                        .await
                        .context("the coordinator is not replaced")??;
                }
                Ok::<_, anyhow::Error>(())
            })
            .buffer_unordered(MOVES_AT_ONCE)
            .try_collect::<()>()
            .await
    }

    async fn play_move(&self, tablet: TabletId, turn: usize, cut: bool) -> Result<()> {
        let the_move = self.turn(tablet, turn)?;
        let unit = UnitId::new(tablet.as_u64());
        let pending = self.cluster.node(the_move.to)?;
        if cut {
            let transport = Arc::clone(&pending.transport);
            // In the middle of the stream by construction: its first batch is just being staged, so its receipt
            // cannot have been accepted.
            pending
                .hand
                .at_batch(unit, Arc::new(move |source| transport.disconnect(source)));
        }
        let bar = self.bars.start(
            &format!("tablet {tablet}: {} -> {}", the_move.from, the_move.to),
            unit,
        );
        let begun = self.begin(the_move).await?;
        let ended = self.ended(tablet, begun).await?;
        if cut {
            if pending.hand.acted(unit) {
                info!(%tablet, "cut its stream in the middle");
            } else {
                info!(%tablet, "no batch came, so no stream was cut");
            }
        }
        bar.finish(match ended {
            Ended::Completed => "moved",
            _ => "went back",
        });
        Ok(())
    }
}
