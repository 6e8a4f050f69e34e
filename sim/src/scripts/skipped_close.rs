//! A snapshot skips the change that closed a session.

use std::time::Duration;

use tidegate_tablets::Stage;

use crate::event::EffectKind;

use super::Script;
use super::scene::{Outcome, Scene, Set};

pub(super) const SCRIPT: Script = Script {
    name: "skipped_close",
    about: "a snapshot skips the changes that cleared a session and wrote the next: both follow from the state, not from events",
    set: Set {
        nodes: 6,
        tablets: &[&[1, 2, 3]],
    },
    play: |scene| Box::pin(play(scene)),
};

/// The receiver is in the middle of it, and sees neither the way back nor the next move begin.
async fn play(scene: &Scene) -> Outcome {
    scene.load(5).await?;
    let disk = scene.disk(4)?;
    disk.slow_next(EffectKind::Stage, Duration::from_millis(200));
    let begun = scene.begin_move(1, 4).await?;
    scene.slow_begun(&disk).await?;
    let pending = scene.store(4)?;
    pending.pause();
    scene.cancel(begun).await?;
    scene.wait(100).await;
    scene.reach(Stage::CleanupTarget).await?;
    pending.install_snapshot();
    pending.resume();
    scene.rests().await?;

    // A whole move of which two nodes see the end only.
    let others = [scene.store(3)?, scene.store(5)?];
    others.iter().for_each(|store| store.pause());
    let begun = scene.begin_move(1, 4).await?;
    scene.wait(20).await;
    others[0].install_snapshot();
    others[0].resume();
    scene.cancel(begun).await?;
    scene.rests().await?;
    others[1].install_snapshot();
    others[1].resume();
    scene.moved(1, 4).await
}
