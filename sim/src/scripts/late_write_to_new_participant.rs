//! A node that was replica once is pending again, and gets a request of then.

use tidegate_tablets::Stage;

use super::Script;
use super::scene::{Outcome, Scene, Set};

pub(super) const SCRIPT: Script = Script {
    name: "late_write_to_new_participant",
    about: "a sub-request from when a node was replica finds it pending again, with the tombstone purged: it is refused",
    set: Set {
        nodes: 7,
        tablets: &[&[1, 2, 3]],
    },
    play: |scene| Box::pin(play(scene)),
};

/// The node has no memory of the epochs at which it was a replica before.
async fn play(scene: &Scene) -> Outcome {
    scene.load(6).await?;
    scene.moved(1, 4).await?;
    scene.put(5, "key", "before").await?;
    scene.delay(5, 4, 3000);
    scene.put(5, "key", "x").await?;
    scene.moved(4, 1).await?;
    scene.delete(1, "key").await?;
    scene.purged().await?;
    scene.calls.stop_at(Stage::AllowWriteBothReadOld);
    scene.begin_move(1, 4).await?;
    scene.wait(3500).await;
    scene.calls.go();
    scene.rests().await?;
    scene.part(4, 3);
    scene.get(4, "key").await?;
    Ok(())
}
