//! Replicas restart while a tablet moves, and a node with an old map writes.

use std::time::Duration;

use super::Script;
use super::scene::{Outcome, Scene, Set, n};
use crate::event::EffectKind;

pub(super) const SCRIPT: Script = Script {
    name: "fence_after_restart",
    about: "two old replicas restart once the snapshot was taken, and get a write of before the move: they refuse it",
    set: Set {
        nodes: 6,
        tablets: &[&[1, 2, 3]],
    },
    play: |scene| Box::pin(play(scene)),
};

/// What they had promised before the restart is in the metadata only.
async fn play(scene: &Scene) -> Outcome {
    scene.load(6).await?;
    scene.put(5, "key", "before").await?;
    let writer = scene.store(5)?;
    writer.pause();
    let disk = scene.disk(4)?;
    disk.slow_next(EffectKind::Attach, Duration::from_millis(1500));
    scene.begin_move(1, 4).await?;
    scene.slow_begun(&disk).await?;
    for id in [1, 2] {
        scene.cluster.crash(n(id));
        scene.restarted(id).await?;
    }
    scene.all_applied_but(5).await?;
    scene.part(5, 3);
    let writing = scene.put_meanwhile(5, "key", "x")?;
    scene.wait(200).await;
    writer.resume();
    drop(writing.await);
    scene.rests().await?;
    scene.part(4, 2);
    scene.get(4, "key").await?;
    Ok(())
}
