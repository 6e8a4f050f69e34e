//! Scans, page by page.

use bytes::Bytes;

use super::{OTHER, Place, TABLET, row, write};
use crate::{Row, RowRef};

fn some_rows() -> Vec<Row> {
    (0..40_u64)
        .map(|i| {
            let key = format!("{:03}", i * 7 % 40);
            row(key, i + 1, (i % 3 > 0).then_some("a value"))
        })
        .collect()
}

fn in_order(rows: &[Row]) -> Vec<Row> {
    let mut rows = rows.to_vec();
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    rows
}

/// Pages of any size, one after the other, are the tablet, in order of the keys.
pub async fn pages_make_up_the_tablet(place: &dyn Place) {
    let store = place.open().await;
    let rows = some_rows();
    write(&store, rows.clone()).await;
    for rows_max in [1, 7, 40, 1000] {
        let mut seen: Vec<Row> = Vec::new();
        loop {
            let after = seen.last().map(|row| row.key.clone());
            let page = store
                .scan(TABLET, after, rows_max, usize::MAX)
                .await
                .expect("a page is scanned");
            if page.is_empty() {
                break;
            }
            assert!(page.len() <= rows_max);
            seen.extend(page);
            assert!(seen.len() <= rows.len(), "a page repeats what was there");
        }
        assert_eq!(seen, in_order(&rows));
    }
    // From just after a key that is not there.
    let page = store
        .scan(TABLET, Some("0055".into()), 1, usize::MAX)
        .await
        .expect("a page is scanned");
    assert_eq!(page.first().map(|row| row.key.clone()), Some(Bytes::from("006")));
    assert!(
        store
            .scan(OTHER, None, 10, 1000)
            .await
            .expect("a page is scanned")
            .is_empty()
    );
}

/// A page is about as long as asked for, and one row at least.
pub async fn pages_keep_their_limits(place: &dyn Place) {
    let store = place.open().await;
    let value = "v".repeat(1000);
    let rows: Vec<Row> = ["a", "b", "c", "d"].map(|key| row(key, 1, Some(&value))).to_vec();
    write(&store, rows.clone()).await;
    let one = RowRef::from(&rows[0]).encoded_len();
    for (bytes_max, expected) in [(0, 1), (one * 2, 2), (one * 100, 4)] {
        let page = store
            .scan(TABLET, None, 1000, bytes_max)
            .await
            .expect("a page is scanned");
        // "About": an engine may count a row's bytes in its own way, by a row more or less.
        let most = if bytes_max == 0 { 1 } else { expected + 1 };
        assert!(
            !page.is_empty() && page.len() <= most,
            "{} rows in {bytes_max} bytes",
            page.len()
        );
        assert_eq!(page, rows[..page.len()]);
    }
    assert_eq!(
        store
            .scan(TABLET, None, 3, usize::MAX)
            .await
            .expect("a page is scanned"),
        rows[..3]
    );
}

/// Pages of tombstones hold those up to the floor, and nothing else.
pub async fn tombstones_come_up_to_the_floor(place: &dyn Place) {
    let store = place.open().await;
    let rows = some_rows();
    write(&store, rows.clone()).await;
    for (floor, rows_max) in [(0, 10), (20, 1), (20, 3), (u64::MAX, 5), (u64::MAX, 1000)] {
        let mut expected = in_order(&rows);
        expected.retain(|row| row.value.is_none() && row.timestamp.time <= floor);
        let mut seen: Vec<Row> = Vec::new();
        loop {
            let after = seen.last().map(|row| row.key.clone());
            let page = store
                .tombstones(TABLET, floor, after, rows_max)
                .await
                .expect("a page is scanned");
            if page.is_empty() {
                break;
            }
            assert!(page.len() <= rows_max);
            seen.extend(page);
            assert!(seen.len() <= rows.len(), "a page repeats what was there");
        }
        assert_eq!(seen, expected);
    }
    assert!(
        store
            .tombstones(OTHER, 9, None, 10)
            .await
            .expect("a page is scanned")
            .is_empty()
    );
}
