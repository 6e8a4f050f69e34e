//! A node with an old map writes while a tablet moves.

use std::time::Duration;

use crate::event::EffectKind;

use super::Script;
use super::scene::{Outcome, Scene, Set};

pub(super) const SCRIPT: Script = Script {
    name: "stale_writer",
    about: "a node whose map is from before the move writes once the snapshot was taken: the fence refuses it, and nothing is lost",
    set: Set {
        nodes: 6,
        tablets: &[&[1, 2, 3]],
    },
    play: |scene| Box::pin(play(scene)),
};

/// Its map names the old replicas alone. What they took would not be carried any more.
async fn play(scene: &Scene) -> Outcome {
    scene.load(6).await?;
    scene.put(5, "key", "before").await?;
    let writer = scene.store(5)?;
    writer.pause();
    let disk = scene.disk(4)?;
    disk.slow_next(EffectKind::Attach, Duration::from_millis(700));
    scene.begin_move(1, 4).await?;
    scene.slow_begun(&disk).await?;
    scene.part(5, 3);
    let writing = scene.put_meanwhile(5, "key", "x")?;
    scene.wait(100).await;
    writer.resume();
    drop(writing.await);
    scene.rests().await?;
    scene.part(4, 2);
    scene.get(4, "key").await?;
    Ok(())
}
