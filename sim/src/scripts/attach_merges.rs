//! A row that was written directly is newer than the one that was carried.

use std::time::Duration;

use crate::event::EffectKind;

use super::Script;
use super::scene::{Outcome, Scene, Set};

pub(super) const SCRIPT: Script = Script {
    name: "attach_merges",
    about: "x is written to the pending replica before the older row that was carried is attached: x stays",
    set: Set {
        nodes: 6,
        tablets: &[&[1, 2, 3]],
    },
    play: |scene| Box::pin(play(scene)),
};

/// The snapshot has the old row. The new one is on the pending replica and on one other, when the old one comes.
async fn play(scene: &Scene) -> Outcome {
    scene.load(6).await?;
    scene.put(5, "key", "old").await?;
    let disk = scene.disk(4)?;
    disk.slow_next(EffectKind::Attach, Duration::from_secs(1));
    scene.begin_move(1, 4).await?;
    scene.slow_begun(&disk).await?;
    scene.part(5, 2);
    scene.put(5, "key", "new").await?;
    scene.rests().await?;
    scene.part(4, 3);
    scene.get(4, "key").await?;
    Ok(())
}
