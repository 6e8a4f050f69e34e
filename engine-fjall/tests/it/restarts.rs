//! What was acknowledged is there after any number of starts.

use tidegate_engine_fjall::FjallConfig;
use tidegate_kv::RowStore;
use tidegate_streaming::TargetEngine;
use tidegate_tablets::TabletId;

use crate::rig::{SOURCE, TABLET, UNIT, batch, in_tables, open, row, rows, session, still, unfenced};

/// Ways in which a keyspace goes.
#[derive(Debug, Clone, Copy)]
enum Going {
    /// A layer is folded into the tablet's own rows.
    Folded,
    /// A transfer is given up after it was durable.
    Discarded,
    /// A transfer is given up before it had a row.
    DiscardedEmpty,
}

/// The store below gives a new keyspace the id of one that is gone, and must not take it for that one.
#[tokio::test]
async fn a_keyspace_that_is_gone_takes_none_along_that_comes_after_it() {
    for config in [still(), in_tables(still())] {
        for going in [Going::Folded, Going::Discarded, Going::DiscardedEmpty] {
            for tablets_before in 0..5 {
                acknowledged_is_there(config.clone(), going, tablets_before).await;
            }
        }
    }
}

async fn acknowledged_is_there(config: FjallConfig, going: Going, tablets_before: u64) {
    let directory = tempfile::tempdir().expect("a directory");
    let engine = open(directory.path(), config.clone()).await;
    for tablet in 0..tablets_before {
        let written = engine.write(TabletId::new(100 + tablet), unfenced(), vec![row("k", 1, "v")]);
        written.await.unwrap();
    }
    if matches!(going, Going::Folded) {
        let many = (0..50).map(|key| row(&format!("{key:02}"), 1, "own")).collect();
        engine.write(TABLET, unfenced(), many).await.unwrap();
    }
    let staging = engine
        .staging(UNIT, session(1), unfenced())
        .await
        .expect("an area");
    if !matches!(going, Going::DiscardedEmpty) {
        let staged = batch(&[row("60", 1, "staged")]);
        staging.stage(unfenced(), SOURCE, staged).await.unwrap();
        staging.sync(unfenced()).await.unwrap();
    }
    match going {
        Going::Folded => {
            staging.attach(unfenced()).await.unwrap();
            drop(staging);
            engine.fold(TABLET).await.unwrap();
        }
        Going::Discarded | Going::DiscardedEmpty => {
            drop(staging);
            engine.discard(UNIT, session(1)).await.unwrap();
        }
    }
    engine.close().await.unwrap();
    drop(engine);
    // The first row of another tablet, and what another transfer has staged.
    let (other, written) = (TabletId::new(9), row("k", 5, "acknowledged"));
    let engine = open(directory.path(), config.clone()).await;
    let writing = engine.write(other, unfenced(), vec![written.clone()]);
    writing.await.unwrap();
    let staging = engine
        .staging(UNIT, session(2), unfenced())
        .await
        .expect("an area");
    let staged = batch(&[row("70", 7, "staged")]);
    staging.stage(unfenced(), SOURCE, staged.clone()).await.unwrap();
    staging.sync(unfenced()).await.unwrap();
    drop(staging);
    engine.close().await.unwrap();
    drop(engine);
    for start in 0..2 {
        let engine = open(directory.path(), config.clone()).await;
        let story = format!("{going:?} after {tablets_before}, start {start}");
        assert_eq!(
            rows(&engine, other).await,
            std::slice::from_ref(&written),
            "{story}"
        );
        let staging = engine
            .staging(UNIT, session(2), unfenced())
            .await
            .expect("an area");
        let position = staging.position(SOURCE).await.unwrap();
        assert_eq!(position, Some(staged.last.clone()), "{story}");
        drop(staging);
        engine.close().await.unwrap();
    }
}
