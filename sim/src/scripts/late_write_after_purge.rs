//! A sub-request of an older write arrives after a purge.

use super::Script;
use super::scene::{Outcome, Scene, Set};

pub(super) const SCRIPT: Script = Script {
    name: "late_write_after_purge",
    about: "a sub-request of an older write arrives after the deletion was purged: it is refused",
    set: Set {
        nodes: 6,
        tablets: &[&[1, 2, 3]],
    },
    play: |scene| Box::pin(play(scene)),
};

/// The write has long been acknowledged by two replicas when the third one gets it.
async fn play(scene: &Scene) -> Outcome {
    scene.put(5, "key", "before").await?;
    scene.delay(5, 3, 3000);
    scene.put(5, "key", "x").await?;
    scene.delete(1, "key").await?;
    scene
        .until("every replica has the tombstone", || {
            [1, 2, 3]
                .iter()
                .all(|id| scene.rows(*id) == 1 && !scene.shows(*id, "key"))
        })
        .await?;
    scene.purged().await?;
    if scene.rows(3) > 0 {
        return Err("the write was to come later".to_owned());
    }
    scene.wait(4000).await;
    for via in 1..=3 {
        scene.get(via, "key").await?;
    }
    Ok(())
}
