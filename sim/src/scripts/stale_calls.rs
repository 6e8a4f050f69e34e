//! Calls of a move arrive in a later move of the same tablet.

use tidegate_coordinator::OperationKind;
use tidegate_tablets::Stage;

use super::Script;
use super::scene::{Outcome, Scene, Set};

pub(super) const SCRIPT: Script = Script {
    name: "stale_calls",
    about: "stream and cleanup of a move arrive in later moves of the same tablet: they are refused, and do nothing",
    set: Set {
        nodes: 5,
        tablets: &[&[1, 2, 3]],
    },
    play: |scene| Box::pin(play(scene)),
};

/// Three moves there and back. The old calls come when the node has the same part again, and when it holds live data.
async fn play(scene: &Scene) -> Outcome {
    scene.load(5).await?;
    scene.moved(1, 4).await?;
    let stream = scene.calls.last(OperationKind::Stream)?;
    let cleanup = scene.calls.last(OperationKind::Cleanup)?;
    scene.moved(4, 1).await?;
    refused(scene.ask_again(cleanup.clone()).await)?;
    refused(scene.ask_again(stream.clone()).await)?;
    scene.put(5, "key", "new").await?;

    for stage in [Stage::Streaming, Stage::Cleanup] {
        scene.calls.stop_at(stage);
    }
    scene.begin_move(1, 4).await?;
    scene.reach(Stage::Streaming).await?;
    scene.all_applied().await?;
    refused(scene.ask_again(stream.clone()).await)?;
    refused(scene.ask_again(cleanup.clone()).await)?;
    scene.calls.go();
    scene.calls.stop_at(Stage::Cleanup);
    scene.reach(Stage::Cleanup).await?;
    scene.all_applied().await?;
    refused(scene.ask_again(cleanup).await)?;
    refused(scene.ask_again(stream).await)?;
    scene.calls.go();
    scene.rests().await
}

fn refused(answer: Outcome) -> Outcome {
    match answer {
        Ok(()) => Err("a call of an earlier move was answered with success".to_owned()),
        Err(_) => Ok(()),
    }
}
