//! An attach goes on after whoever asked for it is gone.

use std::time::Duration;

use tidegate_tablets::Stage;

use crate::event::EffectKind;

use super::Script;
use super::scene::{Outcome, Scene, Set};

pub(super) const SCRIPT: Script = Script {
    name: "attach_without_its_caller",
    about: "an attach that has started outlives its pull and its session: the barrier of the way back waits for it",
    set: Set {
        nodes: 5,
        tablets: &[&[1, 2, 3]],
    },
    play: |scene| Box::pin(play(scene)),
};

/// The pull ends at once when the session closes; its last call into the engine does not.
async fn play(scene: &Scene) -> Outcome {
    scene.load(5).await?;
    let disk = scene.disk(4)?;
    disk.slow_next(EffectKind::Attach, Duration::from_secs(2));
    let begun = scene.begin_move(1, 4).await?;
    scene.slow_begun(&disk).await?;
    scene.cancel(begun).await?;
    scene.reach(Stage::CleanupTarget).await?;
    scene.wait(1000).await;
    let stage = scene
        .transition(scene.tablet())
        .map(|transition| transition.stage);
    if stage != Some(Stage::CleanupTarget) {
        return Err(format!("an attach runs, and the tablet is in {stage:?}"));
    }
    scene.rests().await?;
    scene.wait(2000).await;
    scene.moved(1, 4).await
}
