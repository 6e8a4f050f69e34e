//! A rebuild is resumed, and one of its sources has got further than the other.

use tidegate_tablets::Stage;

use super::Script;
use super::scene::{Outcome, Scene, Set};

pub(super) const SCRIPT: Script = Script {
    name: "own_position",
    about: "the second source of a rebuild is resumed from its own position, not from where the first one is",
    set: Set {
        nodes: 6,
        tablets: &[&[1, 2, 3]],
    },
    play: |scene| Box::pin(play(scene)),
};

/// What only the second source has comes early in the order of keys, and the first source has ended when the
/// connection to the second is lost.
async fn play(scene: &Scene) -> Outcome {
    scene.part(5, 2);
    scene.put(5, "a key", "not on 2").await?;
    scene.join(5, 2);
    scene.load(5).await?;
    scene.exclude(1).await?;
    // Connected before it is slow.
    scene.delay(3, 4, 0);
    scene.begin_rebuild(1, 4).await?;
    scene.reach(Stage::WriteBothReadOld).await?;
    scene.delay(3, 4, 200);
    let all_of_first = scene.rows(2);
    scene
        .until("the first source has sent all", || {
            scene.staged(4) >= all_of_first
        })
        .await?;
    scene.cut(3, 4);
    scene.delay(3, 4, 1);
    scene.rests().await?;
    scene.part(4, 3);
    scene.get(4, "a key").await?;
    Ok(())
}
