//! Acknowledged writes that one replica lacks, and a move.

use super::Script;
use super::scene::{Outcome, Scene, Set};

pub(super) const SCRIPT: Script = Script {
    name: "leaving_only",
    about: "a write acknowledged by the leaving replica and one other is on a quorum after the move: the leaving one is pulled from",
    set: Set {
        nodes: 6,
        tablets: &[&[1, 2, 3]],
    },
    play: |scene| Box::pin(play(scene)),
};

/// Each of the replicas that stay lacks a write that the other one and the leaving one have acknowledged.
async fn play(scene: &Scene) -> Outcome {
    scene.load(6).await?;
    scene.part(5, 1);
    scene.put(5, "key 1", "not on 1").await?;
    scene.join(5, 1);
    scene.part(5, 3);
    scene.put(5, "key 3", "not on 3").await?;
    scene.join(5, 3);
    scene.moved(2, 4).await?;
    scene.part(4, 3);
    scene.get(4, "key 1").await?;
    scene.join(4, 3);
    scene.part(4, 1);
    scene.get(4, "key 3").await?;
    Ok(())
}
