//! A node that remembers no session gets the call of an earlier move.

use tidegate_coordinator::OperationKind;
use tidegate_tablets::Stage;

use super::Script;
use super::scene::{Outcome, Scene, Set, n};

pub(super) const SCRIPT: Script = Script {
    name: "forgotten_sessions",
    about: "stream and cleanup of an earlier move find a node that restarted since and has the same part again: they open nothing",
    set: Set {
        nodes: 5,
        tablets: &[&[1, 2, 3]],
    },
    play: |scene| Box::pin(play(scene)),
};

/// The node knows by its metadata alone that those sessions are over.
async fn play(scene: &Scene) -> Outcome {
    scene.load(5).await?;
    scene.moved(1, 4).await?;
    let stream = scene.calls.last(OperationKind::Stream)?;
    scene.moved(4, 1).await?;
    let cleanup = scene.calls.last(OperationKind::Cleanup)?;
    scene.put(5, "key", "new").await?;
    for stage in [Stage::Streaming, Stage::Cleanup] {
        scene.calls.stop_at(stage);
    }
    for id in [1, 4] {
        scene.cluster.crash(n(id));
        scene.restarted(id).await?;
    }
    scene.begin_move(1, 4).await?;
    scene.reach(Stage::Streaming).await?;
    scene.all_applied().await?;
    let streamed = scene.ask_again(stream).await;
    scene.calls.go();
    scene.rests().await?;

    scene.calls.stop_at(Stage::Cleanup);
    scene.begin_move(4, 1).await?;
    scene.reach(Stage::Cleanup).await?;
    scene.all_applied().await?;
    let cleaned = scene.ask_again(cleanup).await;
    scene.calls.go();
    scene.rests().await?;
    match (streamed, cleaned) {
        (Err(_), Err(_)) => Ok(()),
        _ => Err("a call of an earlier move was answered with success".to_owned()),
    }
}
