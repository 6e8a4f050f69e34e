//! A write is tried in two moves of the same tablet.

use std::time::Duration;

use tidegate_tablets::Stage;

use crate::event::EffectKind;

use super::Script;
use super::scene::{Outcome, Scene, Set};

pub(super) const SCRIPT: Script = Script {
    name: "mixed_epochs",
    about: "a write is acknowledged by a pending replica that is cleaned before the write is tried again: the answer is forgotten",
    set: Set {
        nodes: 8,
        tablets: &[&[1, 2, 3]],
    },
    play: |scene| Box::pin(play(scene)),
};

/// The first attempt is told by the pending replica and one other; then the move goes back, and another begins. The
/// second attempt finds one old replica, and must not count what the first one was told.
async fn play(scene: &Scene) -> Outcome {
    scene.load(8).await?;
    scene.put(5, "key", "before").await?;
    scene.calls.stop_at(Stage::Streaming);
    let begun = scene.begin_move(1, 4).await?;
    scene.reach(Stage::Streaming).await?;
    scene.all_applied().await?;
    scene.part(5, 1);
    scene.delay(5, 3, 40);
    let writing = scene.put_meanwhile(5, "key", "x")?;
    // The answer with the latest timestamp is on the way by then, and what is asked next will not arrive.
    scene.wait(60).await;
    scene.silence(5, 3);
    scene
        .until("the first attempt was told twice", || {
            scene.has(2, "key", "x") && scene.has(4, "key", "x")
        })
        .await?;
    scene.cancel(begun).await?;
    scene.calls.go();
    scene.rests().await?;

    let disk = scene.disk(4)?;
    disk.slow_next(EffectKind::Attach, Duration::from_millis(1200));
    scene.begin_move(1, 4).await?;
    scene.slow_begun(&disk).await?;
    scene.join(5, 1);
    scene.part(5, 2);
    scene.part(5, 4);
    drop(writing.await);
    scene.rests().await?;
    scene.part(4, 2);
    scene.get(4, "key").await?;
    Ok(())
}
