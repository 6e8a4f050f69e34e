//! Nodes that were replicas once are asked by one with an old map.

use super::Script;
use super::scene::{Outcome, Scene, Set, n};

pub(super) const SCRIPT: Script = Script {
    name: "ex_replicas",
    about: "two ex-replicas, cleaned and restarted, are asked by a node with an old map: they refuse, they do not say no such key",
    set: Set {
        nodes: 7,
        tablets: &[&[1, 2, 3]],
    },
    play: |scene| Box::pin(play(scene)),
};

/// They are a quorum of the set that the old map names, and have no memory of it.
async fn play(scene: &Scene) -> Outcome {
    scene.load(7).await?;
    scene.put(6, "key", "there").await?;
    let reader = scene.store(6)?;
    reader.pause();
    scene.moved(1, 4).await?;
    scene.moved(2, 5).await?;
    for id in [1, 2] {
        scene.cluster.crash(n(id));
        scene.restarted(id).await?;
    }
    scene.all_applied_but(6).await?;
    // Before the third one says that the map is old.
    scene.delay(6, 3, 100);
    let reading = scene.read_meanwhile(6, "key")?;
    scene.wait(300).await;
    reader.resume();
    drop(reading.await);
    scene.get(6, "key").await?;
    Ok(())
}
