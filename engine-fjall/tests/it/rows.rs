//! Rows: written, read, scanned, purged, removed.

use std::sync::Arc;

use bytes::Bytes;
use tidegate_engine_fjall::{FjallConfig, FjallEngine, OpenError};
use tidegate_guard::{Gate, Guard, Rejected};
use tidegate_kv::{RowStore, TabletSize};
use tidegate_streaming::EngineError;
use tidegate_tablets::TabletId;

use crate::rig::{TABLET, fresh, open, row, rows, still, streamed, tombstone, unfenced};

#[tokio::test]
async fn the_later_row_stays_whichever_comes_first() {
    let (_directory, engine) = fresh(still()).await;
    engine
        .write(TABLET, unfenced(), vec![row("k", 5, "new"), row("k", 3, "old")])
        .await
        .expect("writes");
    engine
        .write(TABLET, unfenced(), vec![row("k", 4, "older")])
        .await
        .expect("writes");
    assert_eq!(rows(&engine, TABLET).await, [row("k", 5, "new")]);
    engine
        .write(TABLET, unfenced(), vec![tombstone("k", 6)])
        .await
        .expect("writes");
    assert_eq!(rows(&engine, TABLET).await, [tombstone("k", 6)]);
}

#[tokio::test]
async fn written_rows_are_there_after_a_restart() {
    let (directory, engine) = fresh(still()).await;
    engine
        .write(TABLET, unfenced(), vec![row("", 1, "empty key"), row("k", 2, "")])
        .await
        .expect("writes");
    assert_eq!(engine.latest_time().await.expect("a time"), 2);
    drop(engine);
    let engine = open(directory.path(), still()).await;
    assert_eq!(
        rows(&engine, TABLET).await,
        [row("", 1, "empty key"), row("k", 2, "")]
    );
    assert_eq!(engine.latest_time().await.expect("a time"), 2);
    assert_eq!(engine.tablets().await.expect("a list"), [TABLET]);
}

#[tokio::test]
async fn a_directory_is_opened_once() {
    let (directory, _engine) = fresh(still()).await;
    let again = FjallEngine::open(directory.path(), still()).await;
    assert!(matches!(again, Err(OpenError::InUse { .. })), "{again:?}");
}

#[tokio::test]
async fn many_writers_share_the_disk_and_lose_nothing() {
    let (directory, engine) = fresh(still()).await;
    let writers: Vec<_> = (0..200_u64)
        .map(|number| {
            let engine = Arc::clone(&engine);
            tokio::spawn(async move {
                let tablet = TabletId::new(number % 3);
                let key = format!("{:03}", number / 3);
                engine
                    .write(tablet, unfenced(), vec![row(&key, number + 1, "v")])
                    .await
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("no panic").expect("writes");
    }
    drop(engine);
    let engine = open(directory.path(), still()).await;
    let mut count = 0;
    for tablet in engine.tablets().await.expect("a list") {
        count += rows(&engine, tablet).await.len();
    }
    assert_eq!(count, 200);
}

#[tokio::test]
async fn a_closing_guard_refuses_and_nothing_is_written() {
    #[derive(Debug)]
    struct Shut;
    impl Guard for Shut {
        fn session(&self) -> Option<tidegate_guard::SessionId> {
            None
        }
        fn check(&self) -> Result<(), Rejected> {
            Err(Rejected::Closing)
        }
        fn closing(&self) -> tidegate_guard::Closing<'_> {
            tidegate_guard::Closing::never()
        }
    }
    let _ = Gate::new();
    let (_directory, engine) = fresh(still()).await;
    let refused = engine.write(TABLET, Arc::new(Shut), vec![row("k", 1, "v")]).await;
    assert!(
        matches!(refused, Err(EngineError::Rejected(Rejected::Closing))),
        "{refused:?}"
    );
    assert!(matches!(
        engine.remove(TABLET, Arc::new(Shut)).await,
        Err(EngineError::Rejected(_))
    ));
    assert!(matches!(
        engine.purge(TABLET, Arc::new(Shut), 9).await,
        Err(EngineError::Rejected(_))
    ));
    assert!(rows(&engine, TABLET).await.is_empty());
    assert!(engine.tablets().await.expect("a list").is_empty());
}

#[tokio::test]
async fn a_dropped_write_ends_under_its_guard() {
    let (_directory, engine) = fresh(still()).await;
    let guard = unfenced();
    let mut write = Box::pin(engine.write(TABLET, Arc::clone(&guard), vec![row("k", 1, "v")]));
    // Polled once, the write is queued; then its caller goes away.
    assert!(futures_poll(&mut write).await);
    drop(write);
    engine
        .write(TABLET, unfenced(), vec![row("l", 1, "v")])
        .await
        .expect("writes");
    assert_eq!(rows(&engine, TABLET).await.len(), 2);
    assert_eq!(Arc::strong_count(&guard), 1, "let go once it had ended");
}

/// Polls once; whether it is still pending.
async fn futures_poll<F: Future + Unpin>(future: &mut F) -> bool {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_pending())
    })
    .await
}

#[tokio::test]
async fn scans_give_whole_rows_within_their_bounds() {
    let (_directory, engine) = fresh(still()).await;
    let all: Vec<_> = (0..50)
        .map(|n| row(&format!("{n:02}"), n + 1, "0123456789"))
        .collect();
    engine
        .write(TABLET, unfenced(), all.clone())
        .await
        .expect("writes");
    let page = engine
        .scan(TABLET, Some(Bytes::from_static(b"09")), 5, usize::MAX)
        .await
        .expect("scans");
    assert_eq!(page, all[10..15]);
    let page = engine.scan(TABLET, None, usize::MAX, 1).await.expect("scans");
    assert_eq!(page, all[..1], "one row at least");
    assert_eq!(streamed(&engine, None, 1).await, all);
    assert_eq!(streamed(&engine, Some("44"), 200).await, all[45..]);
    let keys = vec![
        Bytes::from_static(b"03"),
        Bytes::from_static(b"x"),
        Bytes::from_static(b"01"),
    ];
    let read = engine.read(TABLET, keys).await.expect("reads");
    assert_eq!(read, [Some(all[3].clone()), None, Some(all[1].clone())]);
}

#[tokio::test]
async fn a_purge_drops_tombstones_up_to_its_floor() {
    let (directory, engine) = fresh(still()).await;
    let written = vec![
        row("a", 1, "v"),
        tombstone("b", 2),
        tombstone("c", 9),
        tombstone("d", 3),
    ];
    engine.write(TABLET, unfenced(), written).await.expect("writes");
    let found = engine.tombstones(TABLET, 3, None, 1).await.expect("reads");
    assert_eq!(found, [tombstone("b", 2)]);
    assert_eq!(engine.purge(TABLET, unfenced(), 3).await.expect("purges"), 2);
    assert_eq!(engine.purge(TABLET, unfenced(), 3).await.expect("purges"), 0);
    drop(engine);
    let engine = open(directory.path(), still()).await;
    assert_eq!(rows(&engine, TABLET).await, [row("a", 1, "v"), tombstone("c", 9)]);
}

#[tokio::test]
async fn what_is_removed_does_not_come_back() {
    let (directory, engine) = fresh(still()).await;
    let other = TabletId::new(70);
    engine
        .write(TABLET, unfenced(), vec![row("k", 1, "v")])
        .await
        .expect("writes");
    engine
        .write(other, unfenced(), vec![row("k", 1, "v")])
        .await
        .expect("writes");
    engine.remove(TABLET, unfenced()).await.expect("removes");
    engine
        .remove(TABLET, unfenced())
        .await
        .expect("nothing to remove");
    assert!(rows(&engine, TABLET).await.is_empty());
    drop(engine);
    let engine = open(directory.path(), still()).await;
    assert_eq!(engine.tablets().await.expect("a list"), [other]);
    engine
        .write(TABLET, unfenced(), vec![row("l", 1, "v")])
        .await
        .expect("writes");
    drop(engine);
    let engine = open(directory.path(), still()).await;
    assert_eq!(rows(&engine, TABLET).await, [row("l", 1, "v")]);
}

#[tokio::test]
async fn a_full_disk_refuses_and_removing_makes_room() {
    let config = FjallConfig {
        quota_bytes: Some(4096),
        ..still()
    };
    let (_directory, engine) = fresh(config).await;
    let big = "x".repeat(3000);
    engine
        .write(TABLET, unfenced(), vec![row("a", 1, &big)])
        .await
        .expect("fits");
    let refused = engine.write(TABLET, unfenced(), vec![row("b", 2, &big)]).await;
    assert!(matches!(refused, Err(EngineError::DiskFull)), "{refused:?}");
    assert_eq!(rows(&engine, TABLET).await.len(), 1);
    engine.remove(TABLET, unfenced()).await.expect("removes");
    engine
        .write(TABLET, unfenced(), vec![row("b", 2, &big)])
        .await
        .expect("fits now");
}

#[tokio::test]
async fn a_closed_engine_takes_no_more_and_can_be_opened_again() {
    let (directory, engine) = fresh(FjallConfig::default()).await;
    engine
        .write(TABLET, unfenced(), vec![row("k", 1, "v")])
        .await
        .expect("writes");
    engine.close().await.expect("closes");
    engine.close().await.expect("is closed");
    assert!(
        engine
            .write(TABLET, unfenced(), vec![row("l", 1, "v")])
            .await
            .is_err()
    );
    drop(engine);
    let engine = open(directory.path(), FjallConfig::default()).await;
    assert_eq!(rows(&engine, TABLET).await, [row("k", 1, "v")]);
}

#[tokio::test]
async fn a_key_that_fjall_cannot_hold_is_refused_not_a_panic() {
    let (_directory, engine) = fresh(still()).await;
    let long = "k".repeat(70_000);
    assert!(
        engine
            .write(TABLET, unfenced(), vec![row(&long, 1, "v")])
            .await
            .is_err()
    );
    let read = engine.read(TABLET, vec![Bytes::from(long)]).await.expect("reads");
    assert_eq!(read, [None]);
}

#[tokio::test]
async fn the_size_of_little_is_exact_and_of_much_is_about_right() {
    let (_directory, engine) = fresh(still()).await;
    assert_eq!(engine.size(TABLET).await.expect("a size"), TabletSize::default());
    let few = vec![row("a", 1, "four"), tombstone("bb", 2)];
    engine.write(TABLET, unfenced(), few).await.expect("writes");
    let size = engine.size(TABLET).await.expect("a size");
    assert_eq!((size.rows, size.bytes), (2, 7));
    let many = (0..5000).map(|n| row(&format!("k{n:04}"), 3, "a value of 20 bytes!"));
    engine
        .write(TABLET, unfenced(), many.collect())
        .await
        .expect("writes");
    let size = engine.size(TABLET).await.expect("a size");
    assert!((5002..5200).contains(&size.rows), "{size:?}");
    assert!((120_000..130_000).contains(&size.bytes), "{size:?}");
}
