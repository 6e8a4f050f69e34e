//! A stream breaks off in the middle.

use std::time::Duration;

use crate::event::EffectKind;

use super::Script;
use super::scene::{Outcome, Scene, Set, n};

pub(super) const SCRIPT: Script = Script {
    name: "broken_stream",
    about: "the connection is lost, the source stops, crashes, and cannot read in the middle of a stream: nothing half is attached",
    set: Set {
        nodes: 5,
        tablets: &[&[1, 2, 3]],
    },
    play: |scene| Box::pin(play(scene)),
};

/// Each time the receiver has a part of the rows when its stream ends without a receipt.
async fn play(scene: &Scene) -> Outcome {
    scene.load(5).await?;
    let disk = scene.disk(4)?;
    for way in 0..3 {
        disk.slow_next(EffectKind::Stage, Duration::from_millis(20));
        scene.begin_move(1, 4).await?;
        scene.slow_begun(&disk).await?;
        match way {
            0 => scene.cut(1, 4),
            1 => {
                scene.node(1)?.stop().await;
                scene.cluster.crash(n(1));
            }
            _ => {
                scene.cluster.crash(n(1));
            }
        }
        scene.wait(300).await;
        if way > 0 {
            scene.restarted(1).await?;
        }
        scene.rests().await?;
        if scene.rows(4) > 0 {
            scene.moved(4, 1).await?;
        }
    }
    let source = scene.disk(1)?;
    source.slow(Duration::from_millis(10)..=Duration::from_millis(10));
    scene.begin_move(1, 4).await?;
    scene
        .until("a part of it is staged", || scene.staged(4) > 0)
        .await?;
    source.fail_next(1);
    scene.rests().await
}
