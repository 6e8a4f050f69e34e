//! A receiver that holds an old row wakes up after two moves, a deletion and a purge.

use std::time::Duration;

use tidegate_tablets::Stage;

use crate::event::EffectKind;

use super::Script;
use super::scene::{Outcome, Scene, Set, n};

pub(super) const SCRIPT: Script = Script {
    name: "late_receiver",
    about: "a receiver of a move that went back ends after the next move, a deletion and a purge: the row stays deleted",
    set: Set {
        nodes: 5,
        tablets: &[&[1, 2, 3]],
    },
    play: |scene| Box::pin(play(scene)),
};

/// The first move goes back while the receiver stages; the second one succeeds, and the key is deleted and purged.
/// What the receiver does then, it does to nothing.
async fn play(scene: &Scene) -> Outcome {
    scene.load(5).await?;
    scene.put(5, "key", "old").await?;
    let disk = scene.disk(4)?;
    disk.slow_next(EffectKind::Stage, Duration::from_secs(3));
    let begun = scene.begin_move(1, 4).await?;
    scene.slow_begun(&disk).await?;
    scene.cancel(begun).await?;
    // The call has started: nothing goes on before it has ended.
    scene.reach(Stage::CleanupTarget).await?;
    scene.rests().await?;
    if scene.shown(scene.tablet())?.replicas.contains(&n(4)) {
        return Err("a cancelled move went on".to_owned());
    }
    scene.moved(1, 4).await?;
    scene.delete(2, "key").await?;
    scene.purged().await?;
    scene.wait(4000).await;
    for via in 2..=5 {
        scene.get(via, "key").await?;
    }
    Ok(())
}
