//! A write is tried again after a later one.

use super::Script;
use super::scene::{Outcome, Scene, Set};

pub(super) const SCRIPT: Script = Script {
    name: "one_timestamp",
    about: "a write that is tried again after a later one keeps its timestamp: x, y and never x again",
    set: Set {
        nodes: 6,
        tablets: &[&[1, 2, 3]],
    },
    play: |scene| Box::pin(play(scene)),
};

/// The first attempt reaches one replica, a reader sees it, another client writes, and then comes the second attempt.
async fn play(scene: &Scene) -> Outcome {
    scene.put(5, "key", "before").await?;
    for replica in 1..=3 {
        scene.delay(5, replica, 10);
    }
    let writing = scene.put_meanwhile(5, "key", "x")?;
    // By now two replicas have told the latest timestamp; the answers are on the way.
    scene.wait(15).await;
    scene.silence(5, 2);
    scene.silence(5, 3);
    scene
        .until("the value is on one replica", || scene.has(1, "key", "x"))
        .await?;
    scene.get(2, "key").await?;
    scene.put(2, "key", "y").await?;
    scene.get(2, "key").await?;
    scene.join(5, 2);
    scene.join(5, 3);
    drop(writing.await);
    scene.get(3, "key").await?;
    scene.get(1, "key").await?;
    Ok(())
}
