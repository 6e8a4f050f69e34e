//! Rows: one version per key, the latest written.

use std::sync::Arc;

use bytes::Bytes;

use super::{OTHER, Place, TABLET, all, open, read, row, write};
use crate::{Row, RowStore, Timestamp};

/// Of two rows of a key the later one stays, whichever came first, by time, then node, then start.
pub async fn later_rows_replace_earlier_ones(place: &dyn Place) {
    let store = place.open().await;
    let stamps = [(5, 1, 1), (5, 1, 2), (5, 2, 0), (6, 0, 0)];
    let rows = stamps.map(|(time, node, start)| Row {
        key: "k".into(),
        timestamp: Timestamp { time, node, start },
        value: Some(format!("{time} {node} {start}").into()),
    });
    for at in [1, 0, 2, 1, 3, 2, 0] {
        let before = read(&store, TABLET, "k").await;
        write(&store, [rows[at].clone()]).await;
        let expected = before.filter(|before| before.timestamp > rows[at].timestamp);
        assert_eq!(
            read(&store, TABLET, "k").await,
            Some(expected.unwrap_or_else(|| rows[at].clone()))
        );
    }
    write(
        &store,
        [row("twice", 2, Some("later")), row("twice", 1, Some("earlier"))],
    )
    .await;
    assert_eq!(
        read(&store, TABLET, "twice").await,
        Some(row("twice", 2, Some("later")))
    );
    write(&store, [row("twice", 2, Some("again"))]).await;
    let held = read(&store, TABLET, "twice").await;
    assert_eq!(
        held,
        Some(row("twice", 2, Some("later"))),
        "a row that is not later changes nothing"
    );
}

/// A tombstone is a row, and an empty value is none.
pub async fn tombstones_and_empty_values_are_rows(place: &dyn Place) {
    let store = place.open().await;
    let rows = [
        row("deleted", 4, None),
        row("empty", 5, Some("")),
        row("full", 6, Some("v")),
    ];
    write(&store, rows.clone()).await;
    write(&store, [row("deleted", 3, Some("older"))]).await;
    assert_eq!(all(&store, TABLET).await, rows);
    for row in &rows {
        let held = store
            .read(TABLET, vec![row.key.clone()])
            .await
            .expect("a key is read");
        assert_eq!(held, [Some(row.clone())]);
        let latest = store
            .latest(TABLET, vec![row.key.clone()])
            .await
            .expect("a key is looked at");
        assert_eq!(latest, [Some(row.timestamp)]);
    }
}

/// Answers come in the order in which keys were asked for, for every key.
pub async fn reads_answer_in_the_order_of_the_keys(place: &dyn Place) {
    let store = place.open().await;
    let (a, b) = (row("a", 1, Some("1")), row("b", 2, None));
    write(&store, [a.clone(), b.clone()]).await;
    let keys: Vec<Bytes> = ["b", "nothing", "a", "b"].map(Bytes::from).to_vec();
    let rows = store.read(TABLET, keys.clone()).await.expect("keys are read");
    assert_eq!(rows, [Some(b.clone()), None, Some(a.clone()), Some(b.clone())]);
    let latest = store.latest(TABLET, keys).await.expect("keys are looked at");
    assert_eq!(
        latest,
        [Some(b.timestamp), None, Some(a.timestamp), Some(b.timestamp)]
    );
    assert_eq!(store.read(TABLET, Vec::new()).await.expect("nothing is read"), []);
}

/// One tablet's rows are not another's; a tablet of which nothing is held is empty.
pub async fn tablets_are_apart(place: &dyn Place) {
    let store = place.open().await;
    assert!(store.tablets().await.expect("tablets are listed").is_empty());
    assert_eq!(read(&store, TABLET, "k").await, None);
    assert!(all(&store, TABLET).await.is_empty());
    store
        .write(OTHER, open(), vec![row("k", 1, Some("other"))])
        .await
        .expect("a row is written");
    assert_eq!(store.tablets().await.expect("tablets are listed"), [OTHER]);
    write(&store, [row("k", 2, Some("this"))]).await;
    assert_eq!(
        store.tablets().await.expect("tablets are listed"),
        [TABLET, OTHER]
    );
    assert_eq!(read(&store, TABLET, "k").await, Some(row("k", 2, Some("this"))));
    assert_eq!(read(&store, OTHER, "k").await, Some(row("k", 1, Some("other"))));
}

/// Readers see all rows of a call, or none.
pub async fn batches_are_written_in_one_step(place: &dyn Place) {
    let store = place.open().await;
    let writer = Arc::clone(&store);
    let writer = tokio::spawn(async move {
        for time in 1..300 {
            let rows = ["a", "m", "z"].map(|key| row(key, time, Some("v")));
            writer
                .write(TABLET, open(), rows.to_vec())
                .await
                .expect("rows are written");
        }
    });
    while !writer.is_finished() {
        let keys = ["z", "a", "m"].map(Bytes::from).to_vec();
        let latest = store
            .latest(TABLET, keys.clone())
            .await
            .expect("keys are looked at");
        assert!(
            latest.windows(2).all(|pair| pair[0] == pair[1]),
            "half of a batch: {latest:?}"
        );
        let rows = store.read(TABLET, keys).await.expect("keys are read");
        let times = rows
            .iter()
            .map(|row| row.as_ref().map(|row| row.timestamp))
            .collect::<Vec<_>>();
        assert!(
            times.windows(2).all(|pair| pair[0] == pair[1]),
            "half of a batch: {times:?}"
        );
        tokio::task::yield_now().await;
    }
    writer.await.expect("the writer has written");
}

/// Writers of the same keys, at once, leave the latest row of each.
pub async fn the_latest_writer_wins_a_race(place: &dyn Place) {
    let store = place.open().await;
    let writers: Vec<_> = (0..4_u64)
        .map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for turn in 0..50_u64 {
                    // Each writer has its own order of times; together they are 0 to 199.
                    let time = (turn * 37 + writer * 11) % 50 * 4 + writer;
                    let rows = ["a", "b"].map(|key| row(key, time, Some("v")));
                    store
                        .write(TABLET, open(), rows.to_vec())
                        .await
                        .expect("rows are written");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("the writer has written");
    }
    let times: Vec<u64> = all(&store, TABLET)
        .await
        .iter()
        .map(|row| row.timestamp.time)
        .collect();
    assert_eq!(times, [199, 199]);
}

/// The latest time is that of the latest row, deleted or not, of any tablet.
pub async fn the_latest_time_is_known(place: &dyn Place) {
    let store = place.open().await;
    assert_eq!(store.latest_time().await.expect("the time is known"), 0);
    write(&store, [row("a", 9, None), row("b", 4, Some("v"))]).await;
    assert_eq!(store.latest_time().await.expect("the time is known"), 9);
    store
        .write(OTHER, open(), vec![row("k", 12, Some("v"))])
        .await
        .expect("a row is written");
    assert_eq!(store.latest_time().await.expect("the time is known"), 12);
}

/// What was written is there when the engine is opened again.
pub async fn rows_outlive_the_engine(place: &dyn Place) {
    let rows = [row("a", 3, Some("v")), row("b", 2, None)];
    {
        let store: Arc<dyn RowStore> = place.open().await;
        write(&store, rows.clone()).await;
    }
    let store = place.open().await;
    assert_eq!(all(&store, TABLET).await, rows);
    assert_eq!(store.latest_time().await.expect("the time is known"), 3);
}
