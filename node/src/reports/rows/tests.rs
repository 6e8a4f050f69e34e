//! Pages of rows of an engine in memory.

use bytes::Bytes;
use tidegate_guard::Unfenced;
use tidegate_kv::{MemoryEngine, Timestamp};

use super::*;

const T: TabletId = TabletId::new(3);

fn key(number: u32) -> Key {
    Key(format!("key-{number:05}").into_bytes().into())
}

fn row(number: u32, time: u64, value: Option<&'static str>) -> Row {
    Row {
        key: key(number).0,
        timestamp: Timestamp {
            time,
            node: 1,
            start: 1,
        },
        value: value.map(Bytes::from),
    }
}

async fn engine(rows: Vec<Row>) -> Arc<dyn RowStore> {
    let engine = Arc::new(MemoryEngine::new());
    let guard = Arc::new(Unfenced);
    engine.write(T, guard, rows).await.expect("writes");
    engine
}

fn ask(after: Option<u32>, until: Option<u32>, rows_max: u32) -> RangeAsk {
    RangeAsk {
        tablet: T.as_u64(),
        after: after.map(key),
        until: until.map(key),
        rows_max,
    }
}

#[tokio::test]
async fn a_range_ends_where_it_is_told_and_says_where_it_stopped() {
    let store = engine((0..1000).map(|number| row(number, 7, Some("v"))).collect()).await;
    let whole = digest(&store, &ask(None, None, 10_000)).await.expect("reads");
    assert_eq!((whole.rows, whole.tombstones, whole.stopped_at), (1000, 0, None));
    let part = digest(&store, &ask(Some(9), Some(700), 10_000))
        .await
        .expect("reads");
    assert_eq!((part.rows, part.stopped_at), (691, None));
    // As many rows as it may read, and the last of them is the range's end.
    let part = digest(&store, &ask(Some(9), Some(700), 691)).await;
    assert_eq!(part.expect("reads").stopped_at, None);
    let page = keys(&store, &ask(Some(9), None, 600)).await.expect("reads");
    assert_eq!((page.rows.len(), page.stopped_at), (600, Some(key(609))));
    assert_eq!(page.rows[0].key, key(10));
}

#[tokio::test]
async fn digests_tell_every_difference_and_do_not_depend_on_pages() {
    let base: Vec<Row> = (0..1200).map(|number| row(number, 7, Some("v"))).collect();
    let store = engine(base.clone()).await;
    let wanted = digest(&store, &ask(None, None, 10_000))
        .await
        .expect("reads")
        .digest;
    let same = digest(&engine(base.clone()).await, &ask(None, None, 10_000)).await;
    assert_eq!(same.expect("reads").digest, wanted);
    for other in [row(5, 8, Some("v")), row(5, 8, None), row(1200, 7, Some("v"))] {
        let mut rows = base.clone();
        rows.push(other);
        let told = digest(&engine(rows).await, &ask(None, None, 10_000)).await;
        assert_ne!(told.expect("reads").digest, wanted);
    }
}

#[tokio::test]
async fn some_keys_are_looked_at_by_themselves() {
    let store = engine(vec![row(1, 7, Some("v")), row(2, 8, None)]).await;
    let seen = seen_of(&store, T, &[key(2), key(9), key(1)])
        .await
        .expect("reads");
    assert!(seen[0].as_ref().is_some_and(|row| row.tombstone && row.time == 8));
    assert_eq!(seen[1], None);
    assert!(seen[2].as_ref().is_some_and(|row| !row.tombstone));
}
