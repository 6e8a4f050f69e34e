//! A coordinator is replaced while its calls are under way.

use tidegate_tablets::Stage;

use super::Script;
use super::scene::{Outcome, Scene, Set};

pub(super) const SCRIPT: Script = Script {
    name: "replaced_coordinator",
    about: "a coordinator is replaced in every stage while its calls are held: the next one goes on from the metadata alone",
    set: Set {
        nodes: 5,
        tablets: &[&[1, 2, 3]],
    },
    play: |scene| Box::pin(play(scene)),
};

/// The calls of the one before arrive after the next one has gone on.
async fn play(scene: &Scene) -> Outcome {
    const STAGES: [Stage; 7] = [
        Stage::AllowWriteBothReadOld,
        Stage::WriteBothReadOld,
        Stage::Streaming,
        Stage::WriteBothReadNew,
        Stage::UseNew,
        Stage::Cleanup,
        Stage::EndMigration,
    ];
    scene.load(5).await?;
    for stage in STAGES {
        scene.calls.stop_at(stage);
        scene.begin_move(1, 4).await?;
        scene.reach(stage).await?;
        scene.wait(20).await;
        scene.replace_coordinator().await?;
        scene.wait(20).await;
        scene.calls.go();
        scene.rests().await?;
        scene.moved(4, 1).await?;
    }
    Ok(())
}
