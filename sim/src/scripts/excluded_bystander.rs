//! A participant is excluded while an excluded replica is rebuilt.

use tidegate_tablets::Stage;

use super::Script;
use super::scene::{Outcome, Scene, Set, n};

pub(super) const SCRIPT: Script = Script {
    name: "excluded_bystander",
    about: "another participant is excluded during the rebuild of an excluded replica: the rebuild goes on and ends",
    set: Set {
        nodes: 9,
        tablets: &[&[1, 2, 3, 4, 5]],
    },
    play: |scene| Box::pin(play(scene)),
};

/// Five replicas, of which two are lost. Three are left to pull from, as many as it takes.
async fn play(scene: &Scene) -> Outcome {
    scene.load(8).await?;
    scene.exclude(1).await?;
    scene.calls.stop_at(Stage::Streaming);
    scene.begin_rebuild(1, 6).await?;
    scene.reach(Stage::Streaming).await?;
    scene.exclude(2).await?;
    scene.calls.go();
    scene.rests().await?;
    if !scene.shown(scene.tablet())?.replicas.contains(&n(6)) {
        return Err("the rebuild went back because a bystander is excluded".to_owned());
    }
    scene.rebuilt(2, 7).await
}
