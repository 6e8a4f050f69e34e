//! The engine at both ends of a stream, where it meets the rows.

use std::sync::Arc;

use bytes::Bytes;
use tidegate_streaming::{Batch, EngineError, Position, Staging};
use tidegate_transport::PeerId;

use super::{Place, TABLET, all, open, read, row, session, unit_of, write};
use crate::{Row, RowStore, decode_rows, encode_rows};

async fn area(store: &Arc<dyn RowStore>) -> Box<dyn Staging> {
    store
        .staging(unit_of(TABLET), session(TABLET), open())
        .await
        .expect("an area")
}

fn batch(rows: &[Row]) -> Batch {
    let last = rows
        .last()
        .map(|row| Position(row.key.clone()))
        .expect("a batch has rows");
    let count = u32::try_from(rows.len()).expect("a batch is short");
    Batch {
        payload: encode_rows(rows).expect("a batch"),
        rows: count,
        last,
    }
}

/// What a snapshot gives, batch by batch, are the tablet's rows as row batches, in order, from any position.
pub async fn batches_are_row_batches(place: &dyn Place) {
    let store = place.open().await;
    let rows: Vec<Row> = (0..50_u64)
        .map(|i| {
            row(
                format!("{i:03}"),
                i + 1,
                (i % 4 > 0).then_some("a value of some length"),
            )
        })
        .collect();
    write(&store, rows.clone()).await;
    for (from, bytes_max) in [
        (None, 1),
        (None, 500),
        (Some("020"), 200),
        (Some("0195"), 1 << 20),
        (Some("049"), 1),
    ] {
        let from = from.map(|from| Position(Bytes::from(from)));
        let mut scan = store
            .snapshot(unit_of(TABLET), open(), from.clone())
            .await
            .expect("a snapshot");
        let mut seen = Vec::new();
        while let Some(batch) = scan.next(bytes_max).await.expect("a batch") {
            let decoded: Vec<Row> = decode_rows(&batch.payload)
                .expect("a row batch")
                .map(|row| row.to_row())
                .collect();
            assert_eq!(decoded.len(), batch.rows as usize);
            assert_eq!(decoded.last().map(|row| &row.key), Some(&batch.last.0));
            seen.extend(decoded);
        }
        let expected: Vec<Row> = rows
            .iter()
            .filter(|row| from.as_ref().is_none_or(|from| row.key > from.0))
            .cloned()
            .collect();
        assert_eq!(seen, expected);
    }
}

/// What is written after a snapshot was taken does not show in it.
pub async fn snapshots_show_one_moment(place: &dyn Place) {
    let store = place.open().await;
    let rows = ["a", "c", "e"].map(|key| row(key, 1, Some("v")));
    write(&store, rows.clone()).await;
    let mut scan = store
        .snapshot(unit_of(TABLET), open(), None)
        .await
        .expect("a snapshot");
    let first = scan.next(1).await.expect("a batch").expect("three rows");
    assert_eq!(first.last, Position("a".into()));
    write(
        &store,
        [
            row("b", 2, Some("new")),
            row("c", 2, None),
            row("f", 2, Some("new")),
        ],
    )
    .await;
    store.purge(TABLET, open(), 2).await.expect("a tablet is purged");
    let mut seen = Vec::new();
    while let Some(batch) = scan.next(1 << 20).await.expect("a batch") {
        seen.extend(
            decode_rows(&batch.payload)
                .expect("a row batch")
                .map(|row| row.to_row()),
        );
    }
    assert_eq!(seen, rows[1..]);
}

/// What is staged is not to be seen before it is attached, and then at once; it outlives the engine in between.
pub async fn staged_rows_are_hidden(place: &dyn Place) {
    let rows = [row("a", 5, Some("v")), row("b", 6, None)];
    let source = PeerId::new(3);
    {
        let store = place.open().await;
        let staging = area(&store).await;
        staging
            .stage(open(), source, batch(&rows))
            .await
            .expect("a batch is staged");
        staging.sync(open()).await.expect("an area is durable");
        assert_eq!(read(&store, TABLET, "a").await, None);
        assert!(all(&store, TABLET).await.is_empty());
        assert!(
            store
                .tombstones(TABLET, u64::MAX, None, 9)
                .await
                .expect("a page")
                .is_empty()
        );
        assert_eq!(
            store.tablets().await.expect("tablets are listed"),
            [TABLET],
            "staged data counts"
        );
    }
    let store = place.open().await;
    assert!(all(&store, TABLET).await.is_empty());
    let staging = area(&store).await;
    assert_eq!(
        staging.position(source).await.expect("a position"),
        Some(Position("b".into()))
    );
    staging.attach(open()).await.expect("an area is attached");
    assert_eq!(all(&store, TABLET).await, rows);
    assert_eq!(store.latest_time().await.expect("the time is known"), 6);
}

/// An attach merges: of two rows of a key the later one stays, whether it was written or attached.
pub async fn attached_rows_merge_with_written_ones(place: &dyn Place) {
    let store = place.open().await;
    write(
        &store,
        [
            row("a", 8, Some("written")),
            row("b", 8, Some("written")),
            row("c", 8, None),
        ],
    )
    .await;
    let staging = area(&store).await;
    let staged = [
        row("a", 5, None),
        row("b", 9, None),
        row("c", 5, Some("old")),
        row("d", 1, Some("new")),
    ];
    staging
        .stage(open(), PeerId::new(3), batch(&staged))
        .await
        .expect("a batch is staged");
    let other = [
        row("b", 7, Some("other source")),
        row("e", 2, Some("other source")),
    ];
    staging
        .stage(open(), PeerId::new(4), batch(&other))
        .await
        .expect("a batch is staged");
    staging.attach(open()).await.expect("an area is attached");
    let expected = [
        row("a", 8, Some("written")),
        row("b", 9, None),
        row("c", 8, None),
        row("d", 1, Some("new")),
        row("e", 2, Some("other source")),
    ];
    assert_eq!(all(&store, TABLET).await, expected);
    // Attached once: what was written since is not covered by a second attach.
    write(&store, [row("b", 10, Some("later"))]).await;
    staging
        .attach(open())
        .await
        .expect("a second attach does nothing");
    assert_eq!(read(&store, TABLET, "b").await, Some(row("b", 10, Some("later"))));
}

/// A batch that cannot be decoded stages nothing.
pub async fn what_is_no_batch_is_refused(place: &dyn Place) {
    let store = place.open().await;
    let staging = area(&store).await;
    let source = PeerId::new(3);
    let mut broken = batch(&[row("a", 1, Some("v"))]);
    broken.payload = broken.payload.slice(..broken.payload.len() - 1);
    let refused = staging.stage(open(), source, broken).await;
    assert!(matches!(refused, Err(EngineError::Decode(_))), "{refused:?}");
    assert_eq!(staging.position(source).await.expect("a position"), None);
    staging.attach(open()).await.expect("an area is attached");
    assert!(all(&store, TABLET).await.is_empty());
}

/// A row that is staged counts for the latest time: after a start it may be attached without having been seen again.
pub async fn the_latest_time_counts_staged_rows(place: &dyn Place) {
    {
        let store = place.open().await;
        write(&store, [row("a", 3, Some("v"))]).await;
        let area = area(&store).await;
        let staged = batch(&[row("b", 8, None), row("c", 7, Some("v"))]);
        area.stage(open(), PeerId::new(1), staged)
            .await
            .expect("the batch is staged");
        area.sync(open()).await.expect("it is durable");
        assert_eq!(store.latest_time().await.expect("the time is known"), 8);
    }
    let store = place.open().await;
    assert_eq!(store.latest_time().await.expect("the time is known"), 8);
}
