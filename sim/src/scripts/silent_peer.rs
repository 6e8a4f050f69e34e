//! What a node says does not arrive any more, and nobody is told.

use tidegate_tablets::{NodeId, Stage};

use super::Script;
use super::scene::{Outcome, Scene, Set};
use crate::event::{Event, FaultKind};

pub(super) const SCRIPT: Script = Script {
    name: "silent_peer",
    about: "the source, the pending replica, the coordinator and a replica of a purge fall silent in turn: deadlines notice, and it goes on",
    set: Set {
        nodes: 6,
        tablets: &[&[1, 2, 3]],
    },
    play: |scene| Box::pin(play(scene)),
};

/// What was said in silence is never heard, even once the network is whole again.
async fn play(scene: &Scene) -> Outcome {
    scene.load(5).await?;
    let mut said = 0;
    for (from, to) in [(1, 4), (4, 1), (6, 4), (4, 6), (6, 2), (2, 6)] {
        for stage in [
            Stage::WriteBothReadOld,
            Stage::Streaming,
            Stage::UseNew,
            Stage::Cleanup,
        ] {
            scene.calls.stop_at(stage);
            scene.begin_move(1, 4).await?;
            scene.reach(stage).await?;
            silence(scene, from, to);
            scene.calls.go();
            said += 1;
            let meanwhile = scene.put_meanwhile(5, "key", format!("said {said}"))?;
            scene.wait(700).await;
            scene.join(from, to);
            scene.rests().await?;
            drop(meanwhile.await);
            if scene.rows(4) > 0 {
                scene.moved(4, 1).await?;
            }
        }
    }
    // What a replica asks another one while it fills has nobody's deadline but its own.
    scene.delete(2, "key").await?;
    scene.get(3, "key").await?;
    scene.calls.stop_at(Stage::Fill);
    scene.begin_purge().await?;
    scene.reach(Stage::Fill).await?;
    silence(scene, 2, 3);
    scene.calls.go();
    scene.wait(700).await;
    scene.join(2, 3);
    scene.rests().await
}

/// The invariants are told: an answer that is on its way is lost, and its barrier is late by no fault of the tablet's.
fn silence(scene: &Scene, from: u64, to: u64) {
    scene.recorder().record(Event::Fault {
        kind: FaultKind::HalfOpen,
        nodes: vec![NodeId::new(from), NodeId::new(to)],
        hits: Vec::new(),
    });
    scene.silence(from, to);
}
