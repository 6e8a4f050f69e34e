//! A rebuild pulls from as many replicas as it takes.

use super::Script;
use super::scene::{Outcome, Scene, Set};

pub(super) const SCRIPT: Script = Script {
    name: "rebuild_from_enough",
    about: "each of two live replicas lacks a write that the lost one and the other acknowledged: a rebuild pulls from both",
    set: Set {
        nodes: 6,
        tablets: &[&[1, 2, 3]],
    },
    play: |scene| Box::pin(play(scene)),
};

/// One source alone would do for one of the keys, and lose the other.
async fn play(scene: &Scene) -> Outcome {
    scene.load(6).await?;
    scene.part(5, 2);
    scene.put(5, "key 2", "not on 2").await?;
    scene.join(5, 2);
    scene.part(5, 3);
    scene.put(5, "key 3", "not on 3").await?;
    scene.join(5, 3);
    scene.exclude(1).await?;
    scene.rebuilt(1, 4).await?;
    scene.part(4, 3);
    scene.get(4, "key 2").await?;
    scene.join(4, 3);
    scene.part(4, 2);
    scene.get(4, "key 3").await?;
    Ok(())
}
