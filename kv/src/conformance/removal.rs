//! Purges, removals, and guards that refuse.

use tidegate_guard::Rejected;
use tidegate_streaming::{Batch, EngineError, Position};
use tidegate_transport::PeerId;

use super::{OTHER, Place, TABLET, all, closed, open, read, row, session, unit_of, write};
use crate::encode_rows;

/// A purge drops the tombstones up to the floor, for good, and nothing else.
pub async fn a_purge_drops_tombstones_up_to_the_floor(place: &dyn Place) {
    let store = place.open().await;
    let rows = [
        row("a", 3, None),
        row("b", 4, None),
        row("c", 5, None),
        row("d", 1, Some("v")),
    ];
    write(&store, rows.clone()).await;
    store
        .write(OTHER, open(), vec![row("a", 1, None)])
        .await
        .expect("a row is written");
    assert_eq!(
        store.purge(TABLET, open(), 4).await.expect("a tablet is purged"),
        2
    );
    assert_eq!(all(&store, TABLET).await, rows[2..]);
    assert_eq!(read(&store, OTHER, "a").await, Some(row("a", 1, None)));
    assert_eq!(
        store.purge(TABLET, open(), 4).await.expect("a tablet is purged"),
        0
    );
    // What is gone covers nothing any more: that older rows stay away is what the purge's own rules are for.
    write(&store, [row("a", 2, Some("older"))]).await;
    assert_eq!(read(&store, TABLET, "a").await, Some(row("a", 2, Some("older"))));
    drop(store);
    let store = place.open().await;
    assert_eq!(read(&store, TABLET, "b").await, None);
    assert_eq!(read(&store, TABLET, "c").await, Some(row("c", 5, None)));
}

/// A removal leaves no row, no staged data, no position and no mark; other tablets keep theirs.
pub async fn removal_leaves_nothing(place: &dyn Place) {
    {
        let store = place.open().await;
        write(&store, [row("a", 1, Some("v")), row("b", 2, None)]).await;
        let source = PeerId::new(1);
        for tablet in [TABLET, OTHER] {
            store
                .write(tablet, open(), vec![row("k", 1, Some("v"))])
                .await
                .expect("a row is written");
            let staging = store
                .staging(unit_of(tablet), session(tablet), open())
                .await
                .expect("an area");
            let payload = encode_rows(&[row("s", 9, Some("staged"))]).expect("a batch");
            let batch = Batch {
                payload,
                rows: 1,
                last: Position("s".into()),
            };
            staging
                .stage(open(), source, batch)
                .await
                .expect("a batch is staged");
            staging.sync(open()).await.expect("an area is durable");
        }
        store.remove(TABLET, open()).await.expect("a tablet is removed");
        assert!(all(&store, TABLET).await.is_empty());
        assert_eq!(store.tablets().await.expect("tablets are listed"), [OTHER]);
        store.remove(TABLET, open()).await.expect("nothing is removed");
    }
    let store = place.open().await;
    assert!(all(&store, TABLET).await.is_empty());
    assert_eq!(store.tablets().await.expect("tablets are listed"), [OTHER]);
    assert_eq!(
        store.staged().await.expect("areas are listed"),
        [(unit_of(OTHER), session(OTHER))]
    );
    assert_eq!(read(&store, OTHER, "k").await, Some(row("k", 1, Some("v"))));
    let staging = store
        .staging(unit_of(TABLET), session(TABLET), open())
        .await
        .expect("an area");
    assert_eq!(staging.position(PeerId::new(1)).await.expect("a position"), None);
    assert!(!staging.attached().await.expect("a mark"));
    // A tablet that comes back begins anew.
    write(&store, [row("a", 1, Some("again"))]).await;
    assert_eq!(all(&store, TABLET).await, [row("a", 1, Some("again"))]);
}

/// Nothing is done under a guard whose session is closing.
pub async fn a_closed_guard_changes_nothing(place: &dyn Place) {
    let store = place.open().await;
    let rows = [row("a", 1, Some("v")), row("b", 2, None)];
    write(&store, rows.clone()).await;
    let refused = |result: Result<(), EngineError>, call: &str| {
        assert!(
            matches!(result, Err(EngineError::Rejected(Rejected::Closing))),
            "{call}: {result:?}"
        );
    };
    let written = store
        .write(TABLET, closed(), vec![row("a", 9, None), row("c", 9, None)])
        .await;
    refused(written, "write");
    refused(store.purge(TABLET, closed(), 100).await.map(|_| ()), "purge");
    refused(store.remove(TABLET, closed()).await, "remove");
    refused(
        store.snapshot(unit_of(TABLET), closed(), None).await.map(|_| ()),
        "snapshot",
    );
    refused(
        store
            .staging(unit_of(TABLET), session(TABLET), closed())
            .await
            .map(|_| ()),
        "staging",
    );
    assert_eq!(all(&store, TABLET).await, rows);
    assert!(store.staged().await.expect("areas are listed").is_empty());
}
