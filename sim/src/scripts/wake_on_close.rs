//! Both ends of a stream wait for each other when their session closes.

use std::time::Duration;

use tidegate_tablets::Stage;
use tokio::time::Instant;

use crate::event::EffectKind;

use super::Script;
use super::scene::{Outcome, Scene, Set};

pub(super) const SCRIPT: Script = Script {
    name: "wake_on_close",
    about: "a receiver that waits for a silent source, and a source that waits for a full receiver, end at once when the session closes",
    set: Set {
        nodes: 5,
        tablets: &[&[1, 2, 3]],
    },
    play: |scene| Box::pin(play(scene)),
};

/// Both waits have deadlines of their own, which are longer than a closing session may be held.
async fn play(scene: &Scene) -> Outcome {
    scene.load(5).await?;
    let begun = scene.begin_move(1, 4).await?;
    scene.reach(Stage::Streaming).await?;
    scene.silence(1, 4);
    scene.wait(100).await;
    scene.cancel(begun).await?;
    ends_within(scene, 500).await?;
    scene.join(1, 4);

    let disk = scene.disk(4)?;
    disk.slow_next(EffectKind::Stage, Duration::from_millis(600));
    let begun = scene.begin_move(1, 4).await?;
    scene.slow_begun(&disk).await?;
    scene.wait(100).await;
    scene.cancel(begun).await?;
    // The engine call has begun, and holds the session for what is left of its time.
    ends_within(scene, 900).await?;
    scene.moved(1, 4).await
}

async fn ends_within(scene: &Scene, millis: u64) -> Outcome {
    let begun = Instant::now();
    scene.rests().await?;
    let took = begun.elapsed();
    if took > Duration::from_millis(millis) {
        return Err(format!("a closing session was held for {took:?}"));
    }
    Ok(())
}
