//! Nodes restart with metadata that still shows a session that is closed.

use tidegate_coordinator::OperationKind;
use tidegate_tablets::Stage;

use super::Script;
use super::scene::{Outcome, Scene, Set, n};

pub(super) const SCRIPT: Script = Script {
    name: "restart_at_older_metadata",
    about: "nodes restart with metadata that still shows a closed session, and get its stream call: they wait for a read barrier",
    set: Set {
        nodes: 5,
        tablets: &[&[1, 2, 3]],
    },
    play: |scene| Box::pin(play(scene)),
};

/// Both ends of the stream have answered the barrier that followed the session, and have forgotten that.
async fn play(scene: &Scene) -> Outcome {
    scene.load(5).await?;
    scene.calls.stop_at(Stage::Streaming);
    let begun = scene.begin_move(1, 4).await?;
    scene.reach(Stage::Streaming).await?;
    scene.all_applied().await?;
    let streaming = scene.cluster.map().version;
    scene
        .until("the stream was asked for", || {
            scene.calls.last(OperationKind::Stream).is_ok()
        })
        .await?;
    let stream = scene.calls.last(OperationKind::Stream)?;
    scene.cancel(begun).await?;
    scene.calls.go();
    scene.rests().await?;
    for id in [1, 4] {
        scene.cluster.crash(n(id));
        scene.restarted_at(id, streaming).await?;
    }
    let late = scene.ask_again(stream);
    let resume = async {
        scene.wait(400).await;
        for id in [1, 4] {
            scene.store(id)?.resume();
        }
        Ok::<(), String>(())
    };
    let (late, resumed) = tokio::join!(late, resume);
    resumed?;
    match late {
        Ok(()) => Err("a stream ran under a closed session".to_owned()),
        Err(_) => scene.rests().await,
    }
}
