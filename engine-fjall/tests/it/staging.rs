//! Staging: invisible until attached, attached in one step, once.

use bytes::Bytes;
use tidegate_engine_fjall::FjallConfig;
use tidegate_kv::RowStore;
use tidegate_streaming::{EngineError, Position, SourceEngine, TargetEngine};
use tidegate_transport::PeerId;

use crate::rig::{
    SOURCE, TABLET, UNIT, batch, fresh, open, row, rows, session, still, streamed, tombstone, unfenced,
};

#[tokio::test]
async fn staged_rows_are_invisible_until_attached() {
    let (_directory, engine) = fresh(still()).await;
    let staging = engine
        .staging(UNIT, session(1), unfenced())
        .await
        .expect("an area");
    staging
        .stage(unfenced(), SOURCE, batch(&[row("a", 1, "v"), row("b", 1, "v")]))
        .await
        .expect("stages");
    assert!(rows(&engine, TABLET).await.is_empty());
    assert!(streamed(&engine, None, 100).await.is_empty());
    assert_eq!(engine.staged().await.expect("a list"), [(UNIT, session(1))]);
    assert_eq!(engine.tablets().await.expect("a list"), [TABLET]);
    staging.sync(unfenced()).await.expect("syncs");
    staging.attach(unfenced()).await.expect("attaches");
    assert!(staging.attached().await.expect("answers"));
    assert_eq!(rows(&engine, TABLET).await.len(), 2);
    assert_eq!(streamed(&engine, None, 100).await.len(), 2);
    staging
        .attach(unfenced())
        .await
        .expect("a second attach does nothing");
    staging
        .stage(unfenced(), SOURCE, batch(&[row("c", 1, "v")]))
        .await
        .expect("does nothing");
    assert_eq!(rows(&engine, TABLET).await.len(), 2);
}

#[tokio::test]
async fn an_attach_merges_with_what_was_written_directly() {
    let (_directory, engine) = fresh(still()).await;
    engine
        .write(
            TABLET,
            unfenced(),
            vec![row("x", 8, "direct"), row("y", 1, "direct")],
        )
        .await
        .expect("writes");
    let staging = engine
        .staging(UNIT, session(1), unfenced())
        .await
        .expect("an area");
    let staged = [
        row("w", 5, "staged"),
        row("x", 5, "staged"),
        row("y", 5, "staged"),
    ];
    staging
        .stage(unfenced(), SOURCE, batch(&staged))
        .await
        .expect("stages");
    staging.attach(unfenced()).await.expect("attaches");
    let expected = [
        row("w", 5, "staged"),
        row("x", 8, "direct"),
        row("y", 5, "staged"),
    ];
    assert_eq!(rows(&engine, TABLET).await, expected);
    // Writes merge with the layer too.
    engine
        .write(TABLET, unfenced(), vec![row("w", 4, "late")])
        .await
        .expect("writes");
    assert_eq!(rows(&engine, TABLET).await, expected);
    engine.fold(TABLET).await.expect("folds");
    assert_eq!(rows(&engine, TABLET).await, expected);
}

#[tokio::test]
async fn positions_are_per_source_and_never_go_back() {
    let (directory, engine) = fresh(still()).await;
    let staging = engine
        .staging(UNIT, session(1), unfenced())
        .await
        .expect("an area");
    assert_eq!(staging.position(SOURCE).await.expect("answers"), None);
    staging
        .stage(unfenced(), SOURCE, batch(&[row("m", 1, "v")]))
        .await
        .expect("stages");
    staging
        .stage(unfenced(), SOURCE, batch(&[row("c", 1, "v")]))
        .await
        .expect("stages");
    let at_m = Some(Position(Bytes::from_static(b"m")));
    assert_eq!(staging.position(SOURCE).await.expect("answers"), at_m);
    assert_eq!(staging.position(PeerId::new(4)).await.expect("answers"), None);
    drop((staging, engine));
    let engine = open(directory.path(), still()).await;
    let staging = engine
        .staging(UNIT, session(1), unfenced())
        .await
        .expect("the same area");
    assert_eq!(staging.position(SOURCE).await.expect("answers"), at_m);
    staging.attach(unfenced()).await.expect("attaches");
    assert_eq!(rows(&engine, TABLET).await.len(), 2);
}

#[tokio::test]
async fn two_sources_of_one_key_merge() {
    let (_directory, engine) = fresh(still()).await;
    let staging = engine
        .staging(UNIT, session(1), unfenced())
        .await
        .expect("an area");
    staging
        .stage(
            unfenced(),
            SOURCE,
            batch(&[row("k", 5, "late"), row("l", 1, "v")]),
        )
        .await
        .expect("stages");
    staging
        .stage(unfenced(), PeerId::new(4), batch(&[row("k", 3, "early")]))
        .await
        .expect("stages");
    staging
        .stage(unfenced(), PeerId::new(4), batch(&[tombstone("l", 2)]))
        .await
        .expect("stages");
    staging.attach(unfenced()).await.expect("attaches");
    assert_eq!(
        rows(&engine, TABLET).await,
        [row("k", 5, "late"), tombstone("l", 2)]
    );
}

#[tokio::test]
async fn a_discard_drops_what_was_not_attached_and_keeps_what_was() {
    let (directory, engine) = fresh(still()).await;
    for number in [1, 2] {
        let staging = engine
            .staging(UNIT, session(number), unfenced())
            .await
            .expect("an area");
        staging
            .stage(unfenced(), SOURCE, batch(&[row("k", number as u64, "v")]))
            .await
            .expect("stages");
        if number == 1 {
            staging.attach(unfenced()).await.expect("attaches");
        }
        engine.discard(UNIT, session(number)).await.expect("discards");
        engine
            .discard(UNIT, session(number))
            .await
            .expect("nothing to discard");
        assert!(matches!(staging.attached().await, Err(EngineError::Gone)));
        let refused = staging
            .stage(unfenced(), SOURCE, batch(&[row("z", 9, "v")]))
            .await;
        assert!(matches!(refused, Err(EngineError::Gone)), "{refused:?}");
        assert!(matches!(staging.attach(unfenced()).await, Err(EngineError::Gone)));
    }
    assert!(engine.staged().await.expect("a list").is_empty());
    assert_eq!(rows(&engine, TABLET).await, [row("k", 1, "v")]);
    drop(engine);
    let engine = open(directory.path(), FjallConfig::default()).await;
    assert_eq!(rows(&engine, TABLET).await, [row("k", 1, "v")]);
    assert!(engine.staged().await.expect("a list").is_empty());
}

#[tokio::test]
async fn removing_a_tablet_takes_staged_and_attached_data_along() {
    let (directory, engine) = fresh(still()).await;
    let attached = engine
        .staging(UNIT, session(1), unfenced())
        .await
        .expect("an area");
    attached
        .stage(unfenced(), SOURCE, batch(&[row("a", 1, "v")]))
        .await
        .expect("stages");
    attached.attach(unfenced()).await.expect("attaches");
    let open_area = engine
        .staging(UNIT, session(2), unfenced())
        .await
        .expect("an area");
    open_area
        .stage(unfenced(), SOURCE, batch(&[row("b", 1, "v")]))
        .await
        .expect("stages");
    engine.remove(TABLET, unfenced()).await.expect("removes");
    assert!(matches!(
        open_area.attach(unfenced()).await,
        Err(EngineError::Gone)
    ));
    engine.fold(TABLET).await.expect("finds nothing");
    drop((attached, open_area, engine));
    let engine = open(directory.path(), FjallConfig::default()).await;
    assert!(engine.tablets().await.expect("a list").is_empty());
    assert!(engine.staged().await.expect("a list").is_empty());
    assert!(rows(&engine, TABLET).await.is_empty());
}

#[tokio::test]
async fn a_purge_leaves_nothing_under_what_it_drops() {
    let (_directory, engine) = fresh(still()).await;
    let staging = engine
        .staging(UNIT, session(1), unfenced())
        .await
        .expect("an area");
    staging
        .stage(unfenced(), SOURCE, batch(&[row("k", 3, "covered")]))
        .await
        .expect("stages");
    staging.attach(unfenced()).await.expect("attaches");
    engine
        .write(TABLET, unfenced(), vec![tombstone("k", 5)])
        .await
        .expect("writes");
    assert_eq!(engine.purge(TABLET, unfenced(), 9).await.expect("purges"), 1);
    assert!(rows(&engine, TABLET).await.is_empty());
    assert_eq!(
        engine.tablets().await.expect("a list"),
        [TABLET],
        "the mark is still kept"
    );
}

#[tokio::test]
async fn a_batch_that_cannot_be_decoded_changes_nothing() {
    let (_directory, engine) = fresh(still()).await;
    let staging = engine
        .staging(UNIT, session(1), unfenced())
        .await
        .expect("an area");
    let mut broken = batch(&[row("k", 1, "v")]);
    broken.payload = broken.payload.slice(..broken.payload.len() - 1);
    let refused = staging.stage(unfenced(), SOURCE, broken).await;
    assert!(matches!(refused, Err(EngineError::Decode(_))), "{refused:?}");
    assert_eq!(staging.position(SOURCE).await.expect("answers"), None);
}

#[tokio::test]
async fn a_snapshot_stands_still() {
    use tidegate_streaming::SourceEngine;
    let (_directory, engine) = fresh(still()).await;
    engine
        .write(TABLET, unfenced(), vec![row("a", 1, "v")])
        .await
        .expect("writes");
    let mut scan = engine.snapshot(UNIT, unfenced(), None).await.expect("a snapshot");
    engine
        .write(TABLET, unfenced(), vec![row("a", 2, "w"), row("b", 2, "w")])
        .await
        .expect("writes");
    let seen = scan.next(1000).await.expect("reads").expect("one batch");
    assert_eq!(
        tidegate_kv::share_rows(&seen.payload).expect("sound"),
        [row("a", 1, "v")]
    );
    assert!(scan.next(1000).await.expect("reads").is_none());
    assert!(scan.next(1000).await.expect("reads").is_none());
}

#[tokio::test]
async fn a_scan_whose_read_was_abandoned_leaves_nothing_out() {
    let (_directory, engine) = fresh(still()).await;
    engine
        .write(TABLET, unfenced(), vec![row("a", 1, "v")])
        .await
        .expect("writes");
    let mut scan = engine.snapshot(UNIT, unfenced(), None).await.expect("a snapshot");
    let mut read = scan.next(1000);
    let begun = std::future::poll_fn(|context| std::task::Poll::Ready(read.as_mut().poll(context))).await;
    drop(read);
    // With luck the rows were there at once; then they were given.
    if begun.is_pending() {
        assert!(scan.next(1000).await.expect("reads").is_some());
    }
    assert!(scan.next(1000).await.expect("reads").is_none());
}

#[tokio::test]
async fn a_batch_that_does_not_fit_changes_nothing_and_a_discard_makes_room() {
    let config = FjallConfig {
        quota_bytes: Some(4096),
        ..still()
    };
    let (_directory, engine) = fresh(config).await;
    let big = "x".repeat(3000);
    let staging = engine
        .staging(UNIT, session(1), unfenced())
        .await
        .expect("an area");
    staging
        .stage(unfenced(), SOURCE, batch(&[row("a", 1, &big)]))
        .await
        .expect("fits");
    let refused = staging
        .stage(unfenced(), SOURCE, batch(&[row("b", 1, &big)]))
        .await;
    assert!(matches!(refused, Err(EngineError::DiskFull)), "{refused:?}");
    let at_a = Some(Position(Bytes::from_static(b"a")));
    assert_eq!(staging.position(SOURCE).await.expect("answers"), at_a);
    engine.discard(UNIT, session(1)).await.expect("discards");
    let staging = engine
        .staging(UNIT, session(2), unfenced())
        .await
        .expect("an area");
    staging
        .stage(unfenced(), SOURCE, batch(&[row("b", 1, &big)]))
        .await
        .expect("fits now");
}

#[tokio::test]
async fn attached_rows_are_folded_in_the_background_and_an_engine_that_is_dropped_stops_that() {
    let (directory, engine) = fresh(FjallConfig {
        step_bytes_max: 1,
        ..FjallConfig::default()
    })
    .await;
    let staged: Vec<_> = (0..500).map(|n| row(&format!("{n:03}"), 1, "v")).collect();
    let staging = engine
        .staging(UNIT, session(1), unfenced())
        .await
        .expect("an area");
    staging
        .stage(unfenced(), SOURCE, batch(&staged))
        .await
        .expect("stages");
    staging.attach(unfenced()).await.expect("attaches");
    assert_eq!(rows(&engine, TABLET).await, staged);
    drop((staging, engine));
    // Opened again while a fold may just be ending its step.
    let engine = open(directory.path(), FjallConfig::default()).await;
    assert_eq!(rows(&engine, TABLET).await, staged);
    engine.fold(TABLET).await.expect("folds the rest");
    assert_eq!(rows(&engine, TABLET).await, staged);
}
