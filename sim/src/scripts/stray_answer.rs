//! An answer to the barrier of a transition that went back comes in the next one.

use tidegate_coordinator::BarrierAnswer;
use tidegate_tablets::Stage;

use super::Script;
use super::scene::{Outcome, Scene, Set, n};

pub(super) const SCRIPT: Script = Script {
    name: "stray_answer",
    about: "an answer to the barrier of a transition that went back comes in the next one: it counts for nothing",
    set: Set {
        nodes: 5,
        tablets: &[&[1, 2, 3]],
    },
    play: |scene| Box::pin(play(scene)),
};

/// All other participants have answered; the one whose answer is missing has not been asked yet.
async fn play(scene: &Scene) -> Outcome {
    scene.load(5).await?;
    let tablet = scene.tablet();
    scene.calls.stop_at(Stage::AllowWriteBothReadOld);
    let begun = scene.begin_move(1, 4).await?;
    scene.reach(Stage::AllowWriteBothReadOld).await?;
    let epoch = scene.shown(tablet)?.epoch;
    scene.wait(50).await;
    scene.cancel(begun).await?;
    scene.calls.go();
    scene.rests().await?;

    scene.calls.stop_to(n(2));
    let answer = BarrierAnswer {
        tablet,
        epoch,
        result: Ok(()),
    };
    scene.calls.stray(n(2), answer);
    scene.begin_move(1, 4).await?;
    scene.wait(500).await;
    let stage = scene.transition(tablet).map(|transition| transition.stage);
    if stage != Some(Stage::AllowWriteBothReadOld) {
        return Err(format!("node 2 was not asked, and the tablet is in {stage:?}"));
    }
    scene.calls.go();
    scene.rests().await
}
