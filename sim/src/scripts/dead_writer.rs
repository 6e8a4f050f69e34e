//! A read of the old replicas returns what a writer that died has left behind.

use std::time::Duration;

use tidegate_tablets::Stage;

use crate::event::EffectKind;

use super::Script;
use super::scene::{Outcome, Scene, Set, n};

pub(super) const SCRIPT: Script = Script {
    name: "dead_writer",
    about: "one read of the old set returns a dead writer's value, the next one of the new set does too",
    set: Set {
        nodes: 7,
        tablets: &[&[1, 2, 3]],
    },
    play: |scene| Box::pin(play(scene)),
};

/// The writer reaches a quorum of the old replicas and none of the new ones, and what is carried was read before.
/// Whoever is shown its value while reads are old has to see that a quorum of the new ones has it.
async fn play(scene: &Scene) -> Outcome {
    scene.load(7).await?;
    scene.put(5, "key", "before").await?;
    let disk = scene.disk(4)?;
    disk.slow_next(EffectKind::Attach, Duration::from_secs(1));
    scene.begin_move(1, 4).await?;
    scene.slow_begun(&disk).await?;
    scene.part(5, 2);
    scene.part(5, 4);
    let writing = scene.put_meanwhile(5, "key", "x")?;
    scene
        .until("the value is on two replicas", || {
            scene.has(1, "key", "x") && scene.has(3, "key", "x")
        })
        .await?;
    scene.cluster.crash(n(5));
    drop(writing.await);
    scene.get(3, "key").await?;
    scene.reach(Stage::WriteBothReadNew).await?;
    scene.part(4, 3);
    scene.get(4, "key").await?;
    scene.get(4, "key").await?;
    scene.rests().await
}
