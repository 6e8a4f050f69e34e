//! One tablet of a batch of barriers takes long.

use std::time::Duration;

use crate::event::EffectKind;

use super::Script;
use super::scene::{Outcome, Scene, Set, n};

pub(super) const SCRIPT: Script = Script {
    name: "slow_tablet",
    about: "one tablet of a batched barrier waits for a slow request: the other one moves meanwhile",
    set: Set {
        nodes: 6,
        tablets: &[&[1, 2, 3], &[1, 2, 3]],
    },
    play: |scene| Box::pin(play(scene)),
};

/// The coordinator finds both moves when it starts, and asks each node for both barriers at once.
async fn play(scene: &Scene) -> Outcome {
    scene.stop_coordinator().await;
    let (slow, quick) = (scene.tablets()[0], scene.tablets()[1]);
    let key = scene.key_of(slow)?;
    let disk = scene.disk(2)?;
    disk.slow_next(EffectKind::Write, Duration::from_millis(900));
    let writing = scene.put_meanwhile(5, key, "slow")?;
    scene.slow_begun(&disk).await?;
    for tablet in [slow, quick] {
        let moving = scene.operator.move_tablet(tablet, n(1), n(4));
        moving.await.map_err(|error| error.to_string())?;
    }
    let begun = tokio::time::Instant::now();
    scene.coordinate()?;
    scene
        .until("the quick tablet has moved", || scene.transition(quick).is_none())
        .await?;
    let took = begun.elapsed();
    drop(writing.await);
    scene.rests().await?;
    if took > Duration::from_millis(600) {
        return Err(format!("the quick tablet waited for the slow one: {took:?}"));
    }
    Ok(())
}
